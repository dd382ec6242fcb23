"""Emptying `aws.operator_networks` of a fleet that is up: first Session Manager's agent, then the door shuts.

Machines made while it was open have no agent, and AWS runs no user data a second time.
"""

import click

from fleet.errors import MtafleetError
from fleet.inventory import Outputs
from fleet.topology import Fleet
from infra.aws_stack import AwsStack
from infra.outputs import StackOutputs, read_outputs
from infra.sessions.agents import install, without_agent
from infra.ssh import NodeShells, node_shells


class LockoutError(MtafleetError):
    """A run would close the only way to machines."""


def closes(fleet: Fleet, outputs: Outputs) -> bool:
    """Whether the file closes a way that the fleet, as `outputs` has it, is still reached by."""
    aws = fleet.environment.aws
    return aws is not None and not aws.operator_networks and outputs.access.get("kind") == "direct"


def refuse_lockout(stack: AwsStack) -> None:
    """LockoutError when the stack's next `up` would close SSH of machines that nothing else reaches.

    They are asked over SSH, as long as that is open.
    """
    aws = stack.environment.aws
    if stack.part != "fleet" or aws is None or aws.operator_networks:
        return
    if ((stack.outputs() or {}).get("fleet") or {}).get("access", {}).get("kind") != "direct":
        return
    fleet, outputs = Fleet.of(stack.environment), read_outputs(stack.name, substrate="aws")
    with node_shells(outputs) as shells:
        missing = without_agent(shells, _there(fleet, outputs))
    if missing:
        name = fleet.environment.environment
        listed = "\n".join(f"  {node}: {why}" for node, why in missing.items())
        raise LockoutError(
            f"aws.operator_networks is empty, and Session Manager would not reach\n{listed}\n"
            f"Nothing was changed. `mtafleet configure {name}` installs its agent, over SSH while that is "
            "open; a machine that cannot be reached is replaced before, with the networks in the file"
        )


def open_the_other_way(
    fleet: Fleet, outputs: StackOutputs, shells: NodeShells, limit: tuple[str, ...], *, check: bool
) -> None:
    """Where the next `up` closes SSH, install the agent on the nodes (those of `limit`, if any) that lack it.

    With `check` only say where. Where it fails is told, too: `up` will refuse.
    """
    if not closes(fleet, outputs.fleet):
        return
    nodes = [node for node in _there(fleet, outputs) if not limit or node in limit]
    missing = without_agent(shells, nodes)
    if check:
        for node in missing:
            click.echo(f"{node}: would install Session Manager's agent", err=True)
        return
    regions = {node: _region(fleet, node) for node in missing}
    failed = install(shells, regions)
    for node in regions:
        told = f"could not be installed: {failed[node]}" if node in failed else "is installed"
        click.echo(f"{node}: Session Manager's agent {told}", err=True)


def _there(fleet: Fleet, outputs: StackOutputs) -> list[str]:
    return [node.name for node in fleet.nodes if node.name in outputs.fleet.nodes]


def _region(fleet: Fleet, node: str) -> str:
    site, environment = fleet.node(node).site, fleet.environment
    place = environment.regions[site].aws if site in environment.regions else environment.witness.aws
    assert place is not None  # noqa: S101 - narrows the type: every site of a fleet on AWS has one
    return place.region
