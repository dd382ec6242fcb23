"""Finding a resource of a stack by its type and name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.engine.stack import pulumi

EXPORT_TIMEOUT_SECONDS = 120


def find_urn(
    stack: str, resource_type: str, name: str, project: Path, variables: Mapping[str, str]
) -> str | None:
    """The URN of the stack's resource of this type and name; None when the state has none."""
    text = pulumi(
        ["stack", "export", "--stack", stack],
        project=project,
        variables=variables,
        timeout_seconds=EXPORT_TIMEOUT_SECONDS,
    )
    return urn_in(text, resource_type, name)


def urn_in(export: str, resource_type: str, name: str) -> str | None:
    """The same in the JSON of `pulumi stack export`; what only waits to be deleted does not count."""
    found = resource_in(export, resource_type, name)
    return None if found is None else str(found["urn"])


def resource_in(export: str, resource_type: str, name: str) -> Mapping[str, Any] | None:
    """The whole resource, as the state has it."""
    resources = json.loads(export)["deployment"].get("resources") or []
    for one in resources:
        found: Mapping[str, Any] = one
        if one["type"] == resource_type and one["urn"].endswith(f"::{name}") and not one.get("delete"):
            return found
    return None
