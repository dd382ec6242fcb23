"""The way from the operator's machine to an environment's nodes."""

import click

from fleet.errors import MtafleetError
from fleet.inventory import Outputs
from fleet.paths import project_root

KINDS = ("direct", "session-manager", "lab")


class AccessError(MtafleetError):
    """The outputs name a way to the nodes that this version does not know."""


def enter_network(environment: str, outputs: Outputs) -> None:
    """Make this process, while it has one thread, and its children able to send to the nodes' addresses.

    A lab's nodes are reached from its operator's network: HostError of the lab when it is not running.
    Elsewhere there is nothing to enter.
    """
    kind = outputs.access.get("kind", "direct")
    if kind not in KINDS:
        raise AccessError(f"the nodes of {environment} are reached by `{kind}`, which is not known here")
    if kind == "lab":
        from lab.ids import LabPaths  # noqa: PLC0415  (only labs need the lab)
        from lab.netns import enter_operator_network  # noqa: PLC0415

        enter_operator_network(LabPaths.of(environment, project_root()))


def prepare_shells(environment: str, outputs: Outputs) -> None:
    """Like `enter_network`, before commands are run on nodes: what they need is looked at first.

    Through Session Manager: SessionError without its plugin, credentials, rights, or any node that is
    connected; nodes that are not are named on standard error.
    """
    enter_network(environment, outputs)
    if outputs.access.get("kind") == "session-manager":
        from infra.sessions.check import check_sessions  # noqa: PLC0415  (only some fleets need it)

        for node, problem in check_sessions(outputs.nodes).items():
            click.echo(f"{node}: {problem}", err=True)
