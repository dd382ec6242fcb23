"""`mtafleet history`: what the daemons did and were ordered, merged over all nodes."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cli.access import prepare_shells
from cli.maintenance.drain import fleet_with
from cli.maintenance.durations import Duration
from cli.maintenance.records import now, record_file
from failover.history import merged
from failover.orders import parse_time
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.outputs import read_outputs
from infra.ssh import Reply, node_shells

ASK = "/usr/local/bin/mtafleet-failover history"
OPERATOR = "operator"
"""Who says so of what was done on this machine."""


@click.command("history")
@click.argument("environment")
@click.argument("node", required=False)
@click.option("--for", "span", type=Duration(), default=timedelta(days=1), help="How far back [default: 1d].")
@click.option("--limit", type=click.IntRange(1, 1000), default=200, show_default=True, help="Of each node.")
@click.option("--everything", is_flag=True, help="Evidence too: suspicions, doubts, troubles.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def history(
    environment: str, node: str | None, span: timedelta, limit: int, *, everything: bool, as_json: bool
) -> None:
    """Tell who did what and why, to all of the fleet or to NODE, oldest first.

    Every node's daemon keeps what it did and was ordered; commands that were given on this machine are taken
    along. Exits with 1 when a node cannot be asked: what only it knows is missing.

    Example: mtafleet history lab west-1 --for 2h
    """
    fleet = fleet_with(environment, node) if node else Fleet.of(load_environment(environment))
    name = fleet.environment.environment
    since = now() - span
    outputs = read_outputs(name, substrate=fleet.environment.substrate)
    prepare_shells(name, outputs.fleet)
    with node_shells(outputs) as shells:
        replies = shells.ask(command(since, limit, node, everything=everything))
    told, problems = read_histories(replies)
    for entry in merged({**told, OPERATOR: own_records(name, since, node)}):
        click.echo(json.dumps(entry) if as_json else line(entry))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)


def command(since: datetime, limit: int, node: str | None, *, everything: bool) -> str:
    """What is run on each node."""
    words = ["--since", str(int(since.timestamp())), "--limit", str(limit)]
    words += ["--node", node] if node else []
    words += ["--everything"] if everything else []
    return f"{ASK} {shlex.join(words)}"


def read_histories(
    replies: Mapping[str, Reply],
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Each node's entries, and a sentence for each that could not be asked."""
    found: dict[str, list[dict[str, Any]]] = {}
    problems = []
    for name, reply in replies.items():
        try:
            entries = [json.loads(one) for one in reply.output.splitlines() if one] if reply.ok else None
        except ValueError:
            entries = None
        if entries is None:
            problems.append(f"{name} cannot be asked: {reply.problem or 'its answer is no JSON'}")
        else:
            found[name] = entries
    return found, problems


def own_records(environment: str, since: datetime, node: str | None) -> Sequence[Mapping[str, Any]]:
    """What was ordered from this machine, in the daemons' form."""
    try:
        lines = record_file(environment).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    records = [json.loads(one) for one in lines]
    return [
        {
            "at": at.timestamp(),
            "by": one["who"],
            "kind": one["command"],
            "node": one["node"],
            "reason": f"{one['command']} {one['node']}".strip() + f": {one['outcome']}",
        }
        for one in records
        if (at := parse_time(one["at"], "at")) >= since and node in (None, one["node"])
    ]


def line(entry: Mapping[str, Any]) -> str:
    """One entry for people: when, who says so, what, by whom, from what to what."""
    at = datetime.fromtimestamp(float(entry.get("at", 0)), UTC)
    change = ""
    if entry.get("before") is not None and entry.get("after") is not None:
        change = f" [{_short(entry['before'])} -> {_short(entry['after'])}]"
    by = f" (by {entry['by']})" if not str(entry.get("by", "")).startswith("the daemon of ") else ""
    what = f"{entry['observer']:12} {entry.get('kind', ''):14} {entry['reason']}"
    return f"{at:%Y-%m-%d %H:%M:%S} {what}{change}{by}"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
