"""Lines of the engine's event log, as it writes them for a preview."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

STACK = "staging"


def urn(kind: str, name: str, *parents: str, stack: str = STACK) -> str:
    return f"urn:pulumi:{stack}::mtafleet::{'$'.join([*parents, kind])}::{name}"


def step(op: str, resource: str, *, custom: bool = True, **more: Any) -> str:
    """One step on a resource; `more` is laid over its metadata."""
    state = {"urn": resource, "type": "", "custom": custom, "id": "", "inputs": {"value": "[secret]"}}
    sides: Mapping[str, Any] = {"old": state, "new": state}
    metadata = {"op": op, "urn": resource, "detailedDiff": None, **sides, **more}
    return json.dumps({"resourcePreEvent": {"metadata": metadata, "planning": True}})


def detailed(**kinds: str) -> dict[str, Any]:
    return {"detailedDiff": {path: {"diffKind": kind, "inputDiff": True} for path, kind in kinds.items()}}


def said(message: str, severity: str = "error") -> str:
    return json.dumps({"diagnosticEvent": {"message": message, "severity": severity, "color": "never"}})


def policy(message: str, level: str = "mandatory") -> str:
    event = {"policyName": "fleet", "message": message, "enforcementLevel": level}
    return json.dumps({"policyEvent": event})


def log(*lines: str) -> Sequence[str]:
    """A whole log: what the engine writes at its start and its end around the lines."""
    summary = json.dumps({"summaryEvent": {"maybeCorrupt": False, "resourceChanges": {}, "PolicyPacks": {}}})
    return ['{"preludeEvent": {"config": {}}}', *lines, summary, '{"cancelEvent": {}}']
