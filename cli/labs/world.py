"""`mtafleet lab isps` and `mtafleet lab refuse`: what the simulated providers count, and orders to them."""

import json
import sys
from typing import get_args

import click
from rich.console import Console
from rich.table import Table

from cli.labs.mail import world_data
from fleet.paths import project_root
from lab.ids import LabPaths
from lab.world.control import ask
from lab.world.install import CONTROL_SOCKET
from lab.world.orders import ANY, Stage

_environment = click.option(
    "-e", "--environment", default="lab", show_default=True, help="The environment whose lab is meant."
)
WIDTH_IN_FILES = 200
_COLUMNS = {
    "connections": "connections",
    "open_connections": "open",
    "tls_sessions": "TLS",
    "accepted": "accepted",
    "verified": "verified",
    "deferred": "deferred",
    "rejected": "rejected",
}


@click.command()
@_environment
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def isps(environment: str, *, as_json: bool) -> None:
    """Show what the simulated providers have counted since they started."""
    counters = _ask(environment, {"ask": "counters"})["counters"]
    if as_json:
        click.echo(json.dumps(counters, indent=2))
        return
    table = Table("provider", *_COLUMNS.values(), "refusals", box=None)
    for provider, counts in counters.items():
        refusals = {name[8:]: number for name, number in counts.items() if name.startswith("refused:")}
        refusals |= {"ordered": counts["refused_by_order"]} if "refused_by_order" in counts else {}
        reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(refusals.items()))
        table.add_row(provider, *(str(counts.get(name, 0)) for name in _COLUMNS), reasons)
    Console(width=None if sys.stdout.isatty() else WIDTH_IN_FILES).print(table)


@click.command()
@_environment
@click.argument("provider")
@click.argument("reply", default="421 4.7.0 Try again later", required=False)
@click.option("--stage", type=click.Choice(get_args(Stage)), default="mail", show_default=True, help="When.")
@click.option("--seconds", type=click.FloatRange(0), default=30.0, show_default=True, help="For how long.")
@click.option("--source", default=ANY, help="For one client address only.")
@click.option("--clear", is_flag=True, help="Withdraw all orders instead.")
def refuse(
    environment: str, provider: str, reply: str, stage: str, seconds: float, source: str, *, clear: bool
) -> None:
    """Have PROVIDER (or `*`, all) answer REPLY for a while, as in: refuse google '421 4.7.28 Slow down'."""
    if clear:
        _ask(environment, {"ask": "clear"})
        return
    order = {"provider": provider, "stage": stage, "reply": reply, "seconds": seconds, "source": source}
    _ask(environment, {"ask": "order", **order})


def _ask(environment: str, request: dict[str, object]) -> dict[str, dict[str, dict[str, int]]]:
    return ask(world_data(LabPaths.of(environment, project_root())) / CONTROL_SOCKET, request)
