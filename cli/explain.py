"""`mtafleet explain`: why each node is in or out, in the daemons' own sentences."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from cli.maintenance.drain import fleet_with
from cli.maintenance.live import live_nodes
from failover.explain import Explanation, explain, fleet_notes
from fleet.spec.load import load_environment
from fleet.topology import Fleet


@click.command("explain")
@click.argument("environment")
@click.argument("node", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def explain_command(environment: str, node: str | None, *, as_json: bool) -> None:
    """Tell why each node, or NODE alone, is in or out of service, and who says so.

    Every failover daemon is asked. What many of them say alike is told once.
    """
    fleet = fleet_with(environment, node) if node else Fleet.of(load_environment(environment))
    with live_nodes(fleet) as nodes:
        observers = nodes.observers()
    notes, found = fleet_notes(observers), explain(observers, node)
    if as_json:
        click.echo(json.dumps({"notes": notes, "nodes": [asdict(one) for one in found]}, indent=2))
        return
    for line in told(notes, found):
        click.echo(line)


def told(notes: Sequence[str], found: Sequence[Explanation]) -> list[str]:
    """The same as lines for people."""
    lines = [f"note: {one}" for one in notes]
    for one in found:
        lines.append(f"{one.node}: {one.verdict}")
        lines += [f"  {view.sentence}" for view in one.views]
        lines += [f"  {note}" for note in one.notes]
        lines += [f"  lately, {event}" for event in one.events]
    return lines
