"""`mtafleet drain NAME NODE` and `mtafleet undrain NAME NODE`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import click

from cli.maintenance.durations import Duration
from cli.maintenance.errors import MaintenanceError
from cli.maintenance.handover import HandedOver, intention
from cli.maintenance.live import live_nodes
from cli.maintenance.records import now, record, who
from cli.maintenance.work import Drained, Nodes, Request, Watch, refusals
from cli.maintenance.work import drain as drain_node
from cli.maintenance.work import undrain as undrain_node
from cli.runs import alone
from failover.errors import ConfigError
from failover.orders import MOST_REASON_CHARACTERS, checked_words, render_time
from fleet.spec.load import load_environment
from fleet.topology import Fleet

DEFAULT_SPAN = timedelta(hours=2)
DEFAULT_TIMEOUT = timedelta(minutes=10)
BACK_TIMEOUT = timedelta(minutes=2)
ROUTE53_SECONDS = 60
"""A change is on all of Route 53's servers within 60 s under normal conditions (Developer Guide)."""


@click.command()
@click.argument("environment")
@click.argument("node")
@click.option("--reason", required=True, help="Why; everybody who looks at the fleet sees it.")
@click.option(
    "--for", "span", type=Duration(), default=DEFAULT_SPAN, help="Serves again by itself after [default: 2h]."
)
@click.option(
    "--timeout", type=Duration(), default=DEFAULT_TIMEOUT, help="For its mail to leave [default: 10m]."
)
@click.option(
    "--hand-over/--no-hand-over",
    default=True,
    help="Give peers what one attempt did not deliver, or wait until the node delivers it [default: give].",
)
@click.option("--alone", "only_one", is_flag=True, help="Refuse while any other node is out of service.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and whether it may be; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def drain(
    environment: str,
    node: str,
    reason: str,
    span: timedelta,
    timeout: timedelta,
    *,
    hand_over: bool,
    only_one: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take NODE out of service, losing nothing: no new sessions, old ones end, its mail leaves.

    Mail that one attempt does not deliver is handed to healthy nodes of its pool, those of the region first.
    Refuses when too few nodes would be left. Exit status 1 when its mail has not left in time: it stays out,
    and repeating the command goes on. `mtafleet undrain` puts it back, and so does the end of --for.

    Example: mtafleet drain lab east-1 --reason "new kernel" --for 1h
    """
    fleet = fleet_with(environment, node)
    since = now()
    request = Request(
        node=node,
        owner=who(),
        reason=checked_reason(reason),
        since=since,
        until=since + span,
        timeout_seconds=timeout.total_seconds(),
        floor_percent=fleet.environment.failover.floor_percent,
        dns_ttl_seconds=fleet.environment.failover.dns_ttl_seconds,
        checks_seconds=checks_seconds(fleet),
        alone=only_one,
        hand_over=hand_over,
    )
    for line in _plan(fleet, request):
        click.echo(line, err=as_json)
    with alone(environment, "drain"), live_nodes(fleet) as nodes:
        if dry_run:
            _rehearse(nodes, request, as_json=as_json)
            return
        with _recorded(environment, "drain", node, reason=request.reason, until=render_time(request.until)):
            done = drain_node(
                nodes, request, Watch(tell=tell, handed=partial(_record_round, environment, node))
            )
        _finish(environment, request, done, as_json=as_json)


@click.command()
@click.argument("environment")
@click.argument("node")
@click.option("--timeout", type=Duration(), default=BACK_TIMEOUT, help="To be back in service [default: 2m].")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def undrain(environment: str, node: str, timeout: timedelta, *, dry_run: bool, as_json: bool) -> None:
    """Put NODE back into service after `drain`; returns when every daemon, front door and DNS use it again.

    Exit status 2 with what keeps it out when that does not happen in time. Repeating it does no harm.
    """
    fleet = fleet_with(environment, node)
    click.echo(f"{node}: lift the order on every node, wait until it serves everywhere", err=as_json)
    if dry_run:
        return
    with alone(environment, "drain"), live_nodes(fleet) as nodes:
        with _recorded(environment, "undrain", node):
            watch = Watch(tell=tell)
            seconds = undrain_node(nodes, node, timeout.total_seconds(), watch, checks_seconds(fleet))
        record(environment, "undrain", node, "in service", seconds=round(seconds, 1))
    if as_json:
        click.echo(json.dumps({"node": node, "outcome": "in service", "seconds": round(seconds, 1)}))
    else:
        click.echo(f"{node} is in service again after {seconds:.1f} s")


def fleet_with(environment: str, node: str) -> Fleet:
    """The environment's fleet; MaintenanceError when `node` is no MTA node of it."""
    fleet = Fleet.of(load_environment(environment))
    names = [one.name for one in fleet.mta_nodes]
    if node not in names:
        raise MaintenanceError(
            f"{environment} has no node {node} that carries mail; there are {', '.join(names)}"
        )
    return fleet


def checks_seconds(fleet: Fleet) -> int:
    """How long Route 53 may take to notice what views say, or to have on all its servers what the daemons
    write; 0 where it answers nothing."""
    if fleet.environment.failover.route53_writer:
        return ROUTE53_SECONDS
    aws = fleet.environment.aws
    return aws.checks.interval_seconds * aws.checks.failures if aws else 0


def checked_reason(text: str) -> str:
    """`text` when it is one line; MaintenanceError when not."""
    try:
        return checked_words(text, MOST_REASON_CHARACTERS, "--reason")
    except ConfigError as error:
        raise MaintenanceError(str(error)) from None


def _plan(fleet: Fleet, request: Request) -> Iterator[str]:
    until = f"{request.until:%Y-%m-%d %H:%M} UTC"
    yield f"{request.node}: out of service until {until}, by {request.owner}: {request.reason}"
    yield f"  1. order {len(fleet.nodes)} daemons to spare it; no pool falls below {request.floor_percent} %"
    yield "  2. wait until every daemon, front door and name server does without it; open sessions go on"
    if request.checks_seconds:
        yield f"     {request.checks_seconds} s for health checkers to notice, then the TTL of old answers"
    yield f"  3. have it try its queues, and wait up to {request.timeout_seconds:.0f} s until they are empty"
    if request.hand_over:
        yield "  4. meanwhile hand what this did not deliver to other nodes of its pool, its region first"


def _rehearse(nodes: Nodes, request: Request, *, as_json: bool) -> None:
    found = refusals(nodes.observers(), request)
    busy = nodes.busy(request.node)
    peers = nodes.routes(request.node) if request.hand_over else {}
    if as_json:
        told = {"node": request.node, "refusals": found, "queued": busy.queued, "sessions": busy.sessions}
        click.echo(json.dumps({**told, "hand_over": peers}))
    else:
        click.echo(f"{request.node} has {busy}; " + ("; ".join(found) or "nothing speaks against it"))
        for line in intention(peers, busy.queued):
            click.echo(f"  {line}")
    if found:
        sys.exit(1)


def _finish(environment: str, request: Request, done: Drained, *, as_json: bool) -> None:
    """Record and tell how it ended; exits with 1 when mail or sessions are left."""
    figures: dict[str, Any] = {
        "queued": done.busy.messages,
        "sessions": done.busy.sessions,
        "seconds": round(done.seconds, 1),
        "handed_over": done.handed.by_pool,
        "problems": [one for one in (*done.handed.problems, done.handed.broken) if one],
    }
    record(environment, "drain", request.node, done.outcome, **figures)
    if as_json:
        told = {"node": request.node, "outcome": done.outcome, "until": render_time(request.until), **figures}
        click.echo(json.dumps(told))
    elif done.outcome == "drained":
        given = f", {done.handed.messages} messages handed over" if done.handed.messages else ""
        click.echo(
            f"{request.node} is drained after {done.seconds:.1f} s: no sessions, nothing queued{given}"
        )
    if done.outcome != "drained":
        why = "".join(f"\n  {one}" for one in figures["problems"])
        click.echo(
            f"{request.node} still has {done.busy}; {done.handed.messages} messages were handed over. "
            f"It stays out of service until {request.until:%H:%M} UTC: repeat the command to go on, or "
            f"`mtafleet undrain`{why}",
            err=True,
        )
    if done.outcome != "drained":
        sys.exit(1)


def _record_round(environment: str, node: str, given: HandedOver) -> None:
    record(environment, "drain", node, "handed over", by_pool=given.by_pool)


@contextmanager
def _recorded(environment: str, command: str, node: str, **details: str) -> Iterator[None]:
    """Record that a command begins, and that it was interrupted or failed, if so."""
    record(environment, command, node, "begun", **details)
    try:
        yield
    except KeyboardInterrupt:
        record(environment, command, node, "interrupted")
        click.echo(f"what was ordered for {node} so far stands: repeat the command, or reverse it", err=True)
        raise
    except Exception as error:
        record(environment, command, node, "failed", why=str(error))
        raise


def tell(line: str) -> None:
    """Progress, on stderr."""
    click.echo(line, err=True)
