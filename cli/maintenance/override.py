"""`mtafleet pause`, `resume` and `override`: people's word over the daemons'."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import click

from cli.maintenance.drain import checked_reason, fleet_with, tell
from cli.maintenance.durations import Duration
from cli.maintenance.errors import MaintenanceError
from cli.maintenance.live import live_nodes
from cli.maintenance.records import now, record, who
from cli.maintenance.work import POLL_SECONDS, Nodes, Watch
from cli.runs import alone
from failover.orders import render_time
from failover.overview import Observer
from fleet.spec.load import load_environment
from fleet.topology import Fleet

DEFAULT_SPAN = timedelta(hours=1)
HEED_SECONDS = 10.0
"""Daemons look at what is ordered twice a second."""

_SPAN = click.option(
    "--for", "span", type=Duration(), default=DEFAULT_SPAN, help="Ends by itself after [default: 1h]."
)
_REASON = click.option("--reason", required=True, help="Why; everybody who looks at the fleet sees it.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.command()
@click.argument("environment")
@_REASON
@_SPAN
@_JSON
def pause(environment: str, reason: str, span: timedelta, *, as_json: bool) -> None:
    """Have all failover daemons act on nothing: they go on deciding, and tell what they would do.

    Front doors and DNS stay as they are. HAProxy's own checks still spare what is dead. Exit status 1 when
    not every daemon could be told: those go on acting.
    """
    fleet = Fleet.of(load_environment(environment))
    words = ["pause", *_signed(reason, span)]
    _give(fleet, words, "", lambda one: bool(_ordered(one).get("pause")), as_json=as_json)


@click.command()
@click.argument("environment")
@_JSON
def resume(environment: str, *, as_json: bool) -> None:
    """Have all failover daemons act again after `pause`."""
    fleet = Fleet.of(load_environment(environment))
    _give(fleet, ["resume"], "", lambda one: not _ordered(one).get("pause"), as_json=as_json)


@click.command()
@click.argument("environment")
@click.argument("node")
@click.argument("to", type=click.Choice(["in", "out", "none"]))
@click.option("--reason", help="Why; everybody who looks at the fleet sees it. Needed with in and out.")
@_SPAN
@_JSON
def override(
    environment: str, node: str, to: str, reason: str | None, span: timedelta, *, as_json: bool
) -> None:
    """Have NODE in or out of service whatever the daemons see; `none` lets them judge it again.

    No pool goes below its floor for it. To take a node out for work, use `drain`: it waits for its mail, and
    gives way to failures. Exit status 1 when not every daemon could be told.

    Example: mtafleet override lab west-1 in --reason "the probes are wrong: firewall" --for 30m
    """
    fleet = fleet_with(environment, node)
    if to == "none":
        words = ["release", node]
    elif reason is None:
        raise MaintenanceError("--reason is needed: why should the daemons not be heeded?")
    else:
        words = ["override", node, to, *_signed(reason, span)]

    def heeded(one: Observer) -> bool:
        found = (_ordered(one).get("overrides") or {}).get(node) or {}
        return bool(found.get("to", "none") == to)

    _give(fleet, words, node, heeded, as_json=as_json)


def _signed(reason: str, span: timedelta) -> list[str]:
    since = now()
    times = ["--since", render_time(since), "--until", render_time(since + span)]
    return ["--owner", who(), "--reason", checked_reason(reason), *times]


def _ordered(observer: Observer) -> Mapping[str, Any]:
    return (observer.status or {}).get("maintenance") or {}


def _give(
    fleet: Fleet, words: Sequence[str], node: str, heeded: Callable[[Observer], bool], *, as_json: bool
) -> None:
    """Order, wait until every daemon heeds it, record and tell; exits with 1 when some do not."""
    environment = fleet.environment.environment
    with alone(environment, "override"), live_nodes(fleet) as nodes:
        missing = give(nodes, words, heeded, Watch(tell=tell))
    outcome = "heeded" if not missing else "not by all"
    record(environment, words[0], node, outcome, words=list(words), missing=missing)
    if as_json:
        click.echo(json.dumps({"command": words[0], "outcome": outcome, "missing": missing}))
    else:
        click.echo(f"{words[0]}: {outcome}" + "".join(f"\n  {one}" for one in missing))
    if missing:
        sys.exit(1)


def give(nodes: Nodes, words: Sequence[str], heeded: Callable[[Observer], bool], watch: Watch) -> list[str]:
    """Give the order to every node and wait for the daemons; returns who does not, a sentence each."""
    refused = {name: reply for name, reply in nodes.order(words).items() if not reply.ok}
    deadline = watch.clock() + HEED_SECONDS
    while True:
        slow = [one.node for one in nodes.observers() if one.node not in refused and not heeded(one)]
        if not slow or watch.clock() >= deadline:
            break
        watch.sleep(POLL_SECONDS)
    return [
        *(
            f"{name} did not take it: {reply.problem or reply.output.strip()}"
            for name, reply in refused.items()
        ),
        *(f"the daemon of {name} does not heed it" for name in slow),
    ]
