"""`mtafleet status`: health as the nodes see it, and what DNS answers now."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from cli.access import prepare_shells
from cli.watch import Watching, redraw, tell_changes
from failover.config import Primary
from failover.errors import ZoneError
from failover.nameserver import NameServer
from failover.overview import (
    CheckLine,
    MemberLine,
    NodeLine,
    Observer,
    OrderLine,
    Overview,
    ViewLine,
    overview,
)
from fleet.inventory import Outputs
from fleet.spec.load import load_environment
from fleet.steering import steered_names
from fleet.topology import Fleet
from infra.outputs import read_outputs
from infra.ssh import Reply, node_shells

ASK_DAEMON = "exec /usr/local/bin/mtafleet-failover status --json"


@dataclass(frozen=True, slots=True)
class ZoneAnswer:
    """What one primary answers for one steered name; `nodes` are the names behind the addresses.

    `wanted` are those it answers while every node is in service.
    """

    name: str
    primary: str
    wanted: tuple[str, ...]
    nodes: tuple[str, ...]
    problem: str = ""

    @property
    def whole(self) -> bool:
        return self.nodes == self.wanted


@click.command()
@click.argument("environment")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--watch", is_flag=True, help="Look again and again, until interrupted.")
@click.option(
    "--every", type=click.FloatRange(0.2, 3600), default=1.0, show_default=True, help="Seconds between looks."
)
def status(environment: str, *, as_json: bool, watch: bool, every: float) -> None:
    """Show which nodes and pools are in service and why, and what DNS answers now.

    Asks the failover daemon of every node, and each primary name server. Exits with 1 when anything is
    out of service or cannot be asked. With --watch the tables are drawn anew, where there is no terminal
    whenever something has changed; --watch --json prints one line for each change.
    """
    fleet = Fleet.of(load_environment(environment))
    outputs = read_outputs(fleet.environment.environment, substrate=fleet.environment.substrate)
    prepare_shells(fleet.environment.environment, outputs.fleet)
    with node_shells(outputs) as shells:

        def look() -> Picture:
            observers = read_observers(outputs.fleet, shells.ask(ASK_DAEMON))
            return Picture(overview(observers), observers, tuple(asyncio.run(ask_primaries(fleet))))

        if watch:
            _watch(look, Watching(every), as_json=as_json)
            return
        picture = look()
    if as_json:
        click.echo(json.dumps(picture.as_data(), indent=2))
    else:
        show(picture.found, picture.answers, Console())
    if not is_healthy(picture.found, picture.answers):
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class Picture:
    """What one look has found."""

    found: Overview
    observers: Sequence[Observer]
    answers: Sequence[ZoneAnswer]

    def as_data(self) -> dict[str, Any]:
        return as_data(self.found, self.observers, self.answers)


def _watch(look: Callable[[], Picture], watching: Watching, *, as_json: bool) -> None:
    # A shell has what it starts in the background ignore interrupts, and this ends by nothing else.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if as_json:
        tell_changes(lambda: look().as_data(), watching)
    else:
        redraw(look, Picture.as_data, lambda one: Group(*tables(one.found, one.answers)), watching, Console())


def read_observers(outputs: Outputs, replies: Mapping[str, Reply]) -> tuple[Observer, ...]:
    """Each node's daemon as it described itself, or why it did not."""
    observers = []
    for name, node in outputs.nodes.items():
        reply = replies[name]
        try:
            described = json.loads(reply.output) if reply.ok else None
            problem = reply.problem
        except ValueError:
            described, problem = None, "the daemon's answer is no JSON"
        observers.append(Observer(name, node.site, node.role, described, problem))
    return tuple(observers)


async def ask_primaries(fleet: Fleet) -> tuple[ZoneAnswer, ...]:
    """The present answer for every steered name from every primary, asked at the same time.

    None where a DNS host answers: there answers hang on health checks, and these on the daemons' word.
    """
    if not fleet.answers_for_its_zones:
        return ()
    wanted = {name: tuple(sorted(addresses)) for name, addresses in steered_names(fleet).items()}
    zone = fleet.environment.operator.steered_zone
    primaries = [Primary(fleet.name_server_name(one), str(one.address), 53) for one in fleet.name_servers]
    pending = [_ask(primary, zone, wanted, _address_owners(fleet)) for primary in primaries]
    return tuple(answer for answers in await asyncio.gather(*pending) for answer in answers)


async def _ask(
    primary: Primary, zone: str, wanted: Mapping[str, tuple[str, ...]], owners: Mapping[str, str]
) -> list[ZoneAnswer]:
    try:
        view = await NameServer(primary, zone).view(list(wanted))
    except ZoneError as error:
        return [ZoneAnswer(name, primary.name, nodes, (), str(error)) for name, nodes in wanted.items()]
    return [
        ZoneAnswer(
            name, primary.name, wanted[name], tuple(sorted(owners.get(one, one) for one in answer.addresses))
        )
        for name, answer in view.answers.items()
    ]


def _address_owners(fleet: Fleet) -> dict[str, str]:
    owners = {str(one.address): one.node for one in fleet.sending_addresses}
    return owners | {str(node.address): node.name for node in fleet.nodes}


def is_healthy(found: Overview, answers: Sequence[ZoneAnswer]) -> bool:
    """Whether every member is in service everywhere, and every primary answers with all of them."""
    return found.healthy and all(answer.whole for answer in answers)


def as_data(found: Overview, observers: Sequence[Observer], answers: Sequence[ZoneAnswer]) -> dict[str, Any]:
    """The same for machines, with each daemon's own words."""
    return {
        "healthy": is_healthy(found, answers),
        "nodes": [{**asdict(line), "healthy": line.healthy} for line in found.nodes],
        "drained": [asdict(line) for line in found.orders],
        "members": [{**asdict(line), "healthy": line.healthy} for line in found.members],
        "views": [{**asdict(line), "healthy": line.healthy} for line in found.views],
        "checks": [asdict(line) for line in found.checks],
        "dns": [asdict(answer) for answer in answers],
        "dns_writer": {**asdict(found.writer), "healthy": found.writer.healthy} if found.writer else None,
        "daemons": {one.node: one.status for one in observers},
    }


def show(found: Overview, answers: Sequence[ZoneAnswer], console: Console) -> None:
    """Tables: nodes, those that people have taken out, pools, what health checkers are told, DNS."""
    for one in tables(found, answers):
        console.print(one, soft_wrap=isinstance(one, Text))


def tables(found: Overview, answers: Sequence[ZoneAnswer]) -> Iterator[Table | Text]:
    """The same, one after the other, and the verdict."""
    yield _table(("node", "site", "role", "heard by", "daemon"), map(_node_row, found.nodes))
    if found.orders:
        headings = ("drained", "reason", "by", "until (UTC)", "heeded by")
        yield _table(headings, map(_order_row, found.orders))
    yield _table(("pool", "node", "part", "in service for", "why not"), map(_member_row, found.members))
    if found.views:
        yield _table(("health checkers are told", "by"), map(_view_row, found.views))
    if primaries := list(dict.fromkeys(answer.primary for answer in answers)):
        yield _table(("name", *(f"{one} answers" for one in primaries)), _answer_rows(answers, primaries))
    if found.checks:
        yield _table(("check", "of", "found", "by"), map(_check_row, found.checks))
    if found.writer is not None:
        yield Text(f"DNS {found.writer.sentence}")
    yield Text.from_markup(_verdict(found, answers))


def _verdict(found: Overview, answers: Sequence[ZoneAnswer]) -> str:
    """The whole in one line: that all is well, or what is not, named once."""
    drained = {one.node for one in found.orders}
    kept = {one.node for one in found.members if one.in_service_for}
    wrong = [
        f"{one.node} is drained{', but partly kept in service' if one.node in kept else ''}: {one.reason}"
        for one in found.orders
    ]
    wrong += [f"{one.node}: {one.daemon}" for one in found.nodes if one.daemon != "watching"]
    wrong += [f"{one.node} is not heard by all" for one in found.nodes if one.heard_by != one.asked]
    out = dict.fromkeys(
        f"{one.pool} on {one.node}" for one in found.members if not one.healthy and one.node not in drained
    )
    wrong += [f"not whole: {', '.join(out)}"] if out else []
    wrong += [
        f"health checkers are told {'different things' if one.disputed else 'nothing good'} of {one.node}"
        for one in found.views
        if one.disputed or not (one.healthy or one.node in drained)
    ]
    wrong += [
        f"{one.primary} does not name all nodes for {one.name}"
        for one in answers
        if one.problem or set(one.wanted) - set(one.nodes) - drained
    ]
    wrong += [f"DNS {found.writer.sentence}"] if found.writer and not found.writer.healthy else []
    if not wrong:
        return "[green]all nodes are in service[/green]"
    return f"[red]not well:[/red] {'; '.join(wrong)}"


def _answer_rows(answers: Sequence[ZoneAnswer], primaries: Sequence[str]) -> Iterator[tuple[str, ...]]:
    said = {(one.name, one.primary): ", ".join(one.nodes) or one.problem or "nothing" for one in answers}
    for name in dict.fromkeys(answer.name for answer in answers):
        yield name, *(said.get((name, primary), "") for primary in primaries)


def _table(headings: Sequence[str], rows: Any) -> Table:
    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    return table


def _node_row(line: NodeLine) -> tuple[str, ...]:
    return line.node, line.site, line.role, f"{line.heard_by} of {line.asked}", line.daemon


def _order_row(line: OrderLine) -> tuple[str, ...]:
    return line.node, line.reason, line.owner, line.until, f"{line.heeded_by} of {line.asked}"


def _view_row(line: ViewLine) -> tuple[str, ...]:
    told = "; ".join(f"{said} by {', '.join(observers)}" for said, observers in line.told.items())
    return line.node, "; ".join([told, *line.problems])


def _check_row(line: CheckLine) -> tuple[str, ...]:
    return line.check, line.subject, line.said, ", ".join(line.seen_by)


def _member_row(line: MemberLine) -> tuple[str, ...]:
    part = "instance" if line.kind == "relay" else "entry"
    return line.pool, line.node, part, f"{line.in_service_for} of {line.asked}", "; ".join(line.reasons)
