"""The way from the operator's machine to an environment's nodes."""

from collections.abc import Mapping
from typing import Any

from fleet.errors import MtafleetError
from fleet.paths import project_root


class AccessError(MtafleetError):
    """The outputs name a way to the nodes that this version does not know."""


def enter_network(environment: str, access: Mapping[str, Any]) -> None:
    """Make this process, while it has one thread, and its children able to reach the nodes.

    `access` is what the stack's output says; {} means that nodes are reached as they are. A lab's
    nodes are reached from its operator's network: HostError of the lab when it is not running.
    """
    kind = access.get("kind", "direct")
    if kind == "direct":
        return
    if kind != "lab":
        raise AccessError(f"the nodes of {environment} are reached by `{kind}`, which is not known here")
    from lab.ids import LabPaths  # noqa: PLC0415  (only labs need the lab)
    from lab.netns import enter_operator_network  # noqa: PLC0415

    enter_operator_network(LabPaths.of(environment, project_root()))
