"""`mtafleet lab send` and `mtafleet lab ledger`: test mail into a lab's fleet, and what became of it."""

import json
import re
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.runs import INTERRUPTED_STATUS
from fleet.errors import MtafleetError
from fleet.paths import project_root, state_directory
from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from fleet.topology import Fleet
from infra.outputs import read_outputs
from lab.errors import LabError
from lab.ids import LabPaths
from lab.machine import entry
from lab.mail.ledger import Entry, Ledger, Queued, QueueListing, join
from lab.mail.message import named_mix
from lab.mail.process import SendOrder, SendProcess, read_attempts
from lab.mail.queues import LIST_COMMAND, parse_queue
from lab.mail.sender import Plan, Via
from lab.netns import machine_network
from lab.world import geography, install
from lab.world.events import read_events
from lab.world.trust import trusted_pem

SMTPS_PORT = 465
SUBMISSION_PORT = 587
QUEUE_TIMEOUT_SECONDS = 60
SETTLE_POLL_SECONDS = 1.0
SHOWN_REASONS = 15
_ADDRESSES = re.compile(r"\d+\.\d+\.\d+\.\d+|(?<=OK )\d+|(?<=id=)\d+")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

_environment = click.option(
    "-e", "--environment", default="lab", show_default=True, help="The environment whose lab is meant."
)


class MailError(MtafleetError):
    """Test mail cannot be sent or accounted for as asked."""


def world_data(paths: LabPaths) -> Path:
    """The host's view of the world machine's data directory."""
    return paths.shared / "world"


def ledger_directory(environment: str) -> Path:
    """Where the senders' records lie, one file per run."""
    return state_directory(environment) / "ledger"


def new_run(now: float) -> str:
    """A short name for a run that sorts by time and is its own even when several begin at once."""
    number, name = int(now * 10), ""
    while number:
        number, digit = divmod(number, 36)
        name = _DIGITS[digit] + name
    return f"r{name}{''.join(secrets.choice(_DIGITS) for _ in range(4))}"


def send_order(
    environment: Environment, password: Callable[[str], str], paths: LabPaths, plan: Plan, mix: str, port: int
) -> SendOrder:
    """All a sender needs to submit to the plan's stream the way its `via` says.

    `password` gives a user's password. The order's secrets go to the sender's standard input only.
    """
    fleet = Fleet.of(environment)
    application = fleet.application
    if application is None:
        raise MailError(f"environment {environment.environment} has no application host to send from")
    named_mix(mix, 0)
    user, _ = submitter(environment, plan.stream)
    address = str(application.address) if plan.via == "sidecar" else ""
    implicit_tls = port == SMTPS_PORT
    if address and not implicit_tls:
        # STARTTLS names no server beforehand, so the front door has a port of each pool for it, on loopback.
        instance = next(pool for pool in fleet.pools if pool.pool == plan.stream)
        address, port = "127.0.0.1", instance.submission_port
    return SendOrder(
        plan=plan,
        name=environment.pools[plan.stream].submission,
        port=port,
        implicit_tls=implicit_tls,
        helo=application.fqdn,
        user=user,
        password=password(user),
        trusted_pem=trusted_pem(world_data(paths)),
        address=address,
        resolver=str(geography.RESOLVER_ADDRESS),
        mix=mix,
        seed=sum(plan.run.encode()),
        records=str(ledger_directory(environment.environment) / f"{plan.run}.jsonl"),
    )


def submitter(environment: Environment, stream: str) -> tuple[str, str]:
    """The user that may submit to a stream, and an address it may send as."""
    if stream not in environment.pools:
        raise MailError(f"there is no stream {stream!r}; there are {', '.join(environment.pools)}")
    for name, user in environment.users.items():
        if user.pool == stream:
            local, _, domain = user.senders[0].rpartition("@")
            return name, f"{local or 'notices'}@{domain}"
    raise MailError(f"no user of {environment.environment} may submit to {stream}; add one to `users`")


def sender_process(environment: Environment, paths: LabPaths, order: SendOrder) -> SendProcess:
    """A sender in the application host's network."""
    application = Fleet.of(environment).application
    if application is None:
        raise MailError(f"environment {environment.environment} has no application host to send from")
    return SendProcess(order, machine_network(paths, application.name))


def stack_password(environment: str) -> Callable[[str], str]:
    """Passwords from the stack's secrets."""
    users = read_outputs(environment).secrets.users

    def password(user: str) -> str:
        if user not in users:
            raise MailError(
                f"stack {environment} holds no password of {user}: run `mtafleet up {environment}`"
            )
        return users[user].get_secret_value()

    return password


@click.command()
@_environment
@click.option("--count", type=click.IntRange(1), default=100, show_default=True, help="Messages to send.")
@click.option("--rate", type=click.FloatRange(0.1), help="Messages a second [default: as fast as possible].")
@click.option("--stream", default="transactional", show_default=True, help="The pool to submit to.")
@click.option(
    "--mix", default="default", show_default=True, help="Recipient domains (lab/world/data/mixes.yaml)."
)
@click.option(
    "--via",
    type=click.Choice(["sidecar", "direct"]),
    default="sidecar",
    show_default=True,
    help="The front door on the application host, or the nodes by DNS.",
)
@click.option("--sessions", type=click.IntRange(1), default=20, show_default=True, help="At the same time.")
@click.option(
    "--messages-per-session", type=click.IntRange(1), default=50, show_default=True, help="Before QUIT."
)
@click.option(
    "--unknown",
    "unknown_percent",
    type=click.FloatRange(0, 100),
    default=0.0,
    help="Percentage of recipients that do not exist.",
)
@click.option("--port", type=click.Choice(["465", "587"]), default="465", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def send(
    environment: str,
    count: int,
    rate: float | None,
    stream: str,
    mix: str,
    via: Via,
    sessions: int,
    messages_per_session: int,
    unknown_percent: float,
    port: str,
    *,
    as_json: bool,
) -> None:
    """Send test mail from the application host: authenticated, over verified TLS, with a ledger id each.

    Exit status 1 when the fleet did not accept every message.
    """
    spec = load_environment(environment)
    paths = LabPaths.of(environment, project_root())
    plan = Plan(
        run=new_run(time.time()),
        stream=stream,
        sender=submitter(spec, stream)[1],
        via=via,
        count=count,
        messages_per_second=rate,
        sessions=sessions,
        messages_per_session=messages_per_session,
        unknown_percent=unknown_percent,
    )
    process = sender_process(
        spec, paths, send_order(spec, stack_password(environment), paths, plan, mix, int(port))
    )
    tally, interrupted = _watch(process, count)
    seconds = tally["finished_at"] - tally["started_at"]
    if as_json:
        click.echo(json.dumps({"run": plan.run, **tally, "seconds": seconds}, indent=2))
    else:
        click.echo(
            f"run {plan.run}: {tally['accepted']} of {tally['attempted']} accepted in {seconds:.1f} s, "
            f"{tally['attempted'] / max(seconds, 0.001):.0f} a second; "
            f"{tally['refused']} refused, {tally['failed']} without an answer"
        )
        if tally["first_error"]:
            click.echo(f"first trouble: {tally['first_error']}", err=True)
    if interrupted:
        sys.exit(INTERRUPTED_STATUS)
    if tally["accepted"] < count:
        sys.exit(1)


def _watch(process: SendProcess, count: int) -> tuple[dict[str, Any], bool]:
    """Follow a sender to its end, with a bar on a terminal; returns its last tally and whether Ctrl-C came.

    After that attempts under way are finished.
    """
    console = Console(stderr=True)
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tally: dict[str, Any] = {}
    interrupted = False
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("sending", total=count)
        process.start()
        try:
            reports = process.tallies()
            while True:
                try:
                    tally = next(reports)
                except StopIteration:
                    return tally, interrupted
                except KeyboardInterrupt:
                    interrupted = True
                    process.stop()
                    continue
                bar.update(task, completed=tally["attempted"])
        finally:
            process.close()


@click.command()
@_environment
@click.option("--run", "runs", multiple=True, help="A run by its name; repeatable [default: the latest].")
@click.option("--all", "all_runs", is_flag=True, help="Every run recorded in this checkout.")
@click.option(
    "--wait", "wait_seconds", type=click.FloatRange(0), default=0.0, help="Wait so long for all to settle."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ledger(
    environment: str, runs: tuple[str, ...], wait_seconds: float, *, all_runs: bool, as_json: bool
) -> None:
    """Say what became of test mail: accepted, delivered, deferred, bounced, lost, duplicated, unknown.

    Accepted means that the fleet said 250. Exit status 1 when a message is lost.
    """
    spec = load_environment(environment)
    paths = LabPaths.of(environment, project_root())
    files = _record_files(environment, runs, all_runs=all_runs)
    deadline = time.monotonic() + wait_seconds
    while True:
        listing = list_queues(spec, paths)
        result = read_ledger(files, listing, paths)
        if result.totals.settled or time.monotonic() >= deadline:
            break
        time.sleep(SETTLE_POLL_SECONDS)
    if as_json:
        click.echo(json.dumps({**asdict(result), "unreachable": listing.unreachable}, indent=2))
    else:
        _print(result, listing, [file.stem for file in files])
    if result.totals.lost:
        sys.exit(1)


def read_ledger(files: list[Path], listing: QueueListing, paths: LabPaths) -> Ledger:
    """Join these record files with a queue listing and, read after it, the providers' events."""
    attempts = [attempt for file in files for attempt in read_attempts(file)]
    return join(attempts, listing, read_events(world_data(paths) / install.EVENTS))


def list_queues(environment: Environment, paths: LabPaths) -> QueueListing:
    """Ask every MTA node for its queues, all at once; a node that is down counts as unreachable."""

    def ask(node: str) -> list[Queued] | None:
        try:
            command = entry(paths, node, LIST_COMMAND)
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=QUEUE_TIMEOUT_SECONDS, check=True
            )
        except (LabError, subprocess.SubprocessError):
            return None
        return parse_queue(node, done.stdout)

    names = [node.name for node in Fleet.of(environment).mta_nodes]
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        answers = dict(zip(names, pool.map(ask, names), strict=True))
    return QueueListing(
        queued=tuple(item for answer in answers.values() if answer for item in answer),
        unreachable=tuple(name for name, answer in answers.items() if answer is None),
    )


def _record_files(environment: str, runs: tuple[str, ...], *, all_runs: bool) -> list[Path]:
    directory = ledger_directory(environment)
    known = sorted(directory.glob("*.jsonl"), key=lambda file: file.stat().st_mtime)
    if not known:
        raise MailError(f"{directory}: no run is recorded; `mtafleet lab send` makes one")
    if all_runs:
        return known
    missing = set(runs) - {file.stem for file in known}
    if missing:
        raise MailError(f"{directory}: no run {', '.join(sorted(missing))}; the latest is {known[-1].stem}")
    return [file for file in known if file.stem in runs] if runs else known[-1:]


def reasons(remarkable: Iterable[Entry]) -> list[tuple[str, int]]:
    """Why messages are not simply delivered, alike ones counted together, the most frequent first."""
    counts = Counter(
        f"{_fate_told(entry)}{', more than once' if entry.deliveries > 1 else ''}"
        f": {_ADDRESSES.sub('…', entry.reply) or 'no reply'}"
        for entry in remarkable
    )
    return counts.most_common(SHOWN_REASONS)


def _fate_told(entry: Entry) -> str:
    """As the totals count it: what was never acknowledged cannot be lost."""
    if entry.acknowledged:
        return entry.fate
    return "unknown (never acknowledged)" if entry.fate == "lost" else f"{entry.fate}, never acknowledged"


def _print(result: Ledger, listing: QueueListing, runs: list[str]) -> None:
    table = Table("messages", "number", title=f"run {', '.join(runs)}", box=None)
    for name, number in asdict(result.totals).items():
        table.add_row(name.replace("_", " "), str(number))
    console = Console()
    console.print(table)
    for reason, number in reasons(result.remarkable):
        console.print(f"{number} {reason}", soft_wrap=True, highlight=False)
    if listing.unreachable:
        console.print(f"not reached: {', '.join(listing.unreachable)}; what waits there counts as lost")
