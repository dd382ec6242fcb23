"""What the fleet costs per message beside plain Postfix, with the same senders and the same receivers.

    uv run python -m bench.mail

Needs a configured lab (`mtafleet up lab`, `mtafleet configure lab`) that nobody else uses meanwhile. One more
machine joins it for the time of the run: Debian's Postfix with Dovecot, as plain as it comes. Rounds
alternate between the two. See docs/benchmarks.md for what each figure means.
"""

import json
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import asdict

import click
from rich.console import Console

from bench import usage
from bench.errors import BenchError
from bench.leniency import lenient_providers
from bench.mail_figures import FLEET, PLAIN, Layout, Round, Side, limit, side_of, verdicts
from bench.mail_senders import Comparison
from bench.mail_table import print_comparison
from bench.main import benchmark
from bench.plain import NAME, Plain, plain_server
from cli.drill import open_target
from fleet.paths import project_root
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from lab.ids import LabPaths

INTERNET = "internet-1"
IDLE_SECONDS = 10.0
WARM_UP_MESSAGES = 200


def compare(what: Comparison, plain: Plain, told: Console) -> tuple[list[Round], dict[str, float]]:
    """All rounds, in turn, and how busy each side is when nothing is sent (percent of a core)."""
    for side in (FLEET, PLAIN):
        told.print(f"[dim]warming up {side}[/dim]")
        what.run(side, plain, WARM_UP_MESSAGES, seed=0)
    told.print(f"[dim]nothing for {IDLE_SECONDS:.0f} s[/dim]")
    before = usage.read(what.paths, what.layout.machines)
    time.sleep(IDLE_SECONDS)
    idle = usage.read(what.paths, what.layout.machines).since(before)
    rounds = []
    for number in range(1, what.rounds + 1):
        for side in (FLEET, PLAIN) if number % 2 else (PLAIN, FLEET):
            one = what.run(side, plain, what.count, seed=number)
            rounds.append(one)
            told.print(
                f"[dim]round {number}, {side}: {one.delivered} of {one.accepted} delivered in "
                f"{one.seconds_to_deliver:.1f} s[/dim]"
            )
    return rounds, {
        FLEET: 100 * idle.of(what.layout.fleet) / idle.at,
        PLAIN: 100 * idle.of([what.layout.plain]) / idle.at,
    }


@click.command()
@click.option("-e", "--environment", default="lab", show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Of each side.")
@click.option("--count", type=click.IntRange(100), default=2000, show_default=True, help="Messages a round.")
@click.option("--sessions", type=click.IntRange(1), default=20, show_default=True, help="At the same time.")
@click.option("--messages-per-session", type=click.IntRange(1), default=50, show_default=True)
@click.option("--mix", default="default", show_default=True, help="Recipient domains.")
@click.option("--reuse-tls", is_flag=True, help="Let plain Postfix use encrypted connections again, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    environment: str,
    rounds: int,
    count: int,
    sessions: int,
    messages_per_session: int,
    mix: str,
    *,
    reuse_tls: bool,
    as_json: bool,
) -> None:
    """Compare the fleet with plain Postfix, side by side in one run."""
    what = _comparison(environment, rounds, count, sessions, messages_per_session, mix)
    told = Console(stderr=True, highlight=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the plain server is removed then, too
    with ExitStack() as stack:
        told.print(f"[dim]adding {NAME} to the lab[/dim]")
        plain = stack.enter_context(plain_server(what.paths, reuse_tls=reuse_tls))
        stack.enter_context(lenient_providers(what.paths))
        measured, idle = compare(what, plain, told)
    sides = {
        side: side_of([one for one in measured if one.side == side], what.layout) for side in (FLEET, PLAIN)
    }
    if as_json:
        click.echo(json.dumps(_document(what, sides, idle, reuse_tls=reuse_tls), indent=2))
    else:
        print_comparison(sides[FLEET], sides[PLAIN], idle)


def _comparison(
    environment: str, rounds: int, count: int, sessions: int, messages_per_session: int, mix: str
) -> Comparison:
    target = open_target(environment)
    troubles = target.troubles()
    if troubles:
        raise BenchError("the fleet is not whole, so figures would mean nothing: " + "; ".join(troubles))
    spec = load_environment(environment)
    fleet = Fleet.of(spec)
    if fleet.application is None:
        raise BenchError(f"environment {environment} has no application host to send from")
    layout = Layout(
        fleet=tuple(node.name for node in fleet.mta_nodes),
        plain=NAME,
        application=fleet.application.name,
        internet=INTERNET,
        cores=len(os.sched_getaffinity(0)),
    )
    paths = LabPaths.of(environment, project_root())
    return Comparison(
        spec, paths, layout, rounds, count, sessions, messages_per_session, mix, fleet.application.fqdn
    )


def _document(
    what: Comparison, sides: dict[str, Side], idle: dict[str, float], *, reuse_tls: bool
) -> dict[str, object]:
    judged = verdicts(sides[FLEET], sides[PLAIN])
    return {
        "cores": what.layout.cores,
        "rounds": what.rounds,
        "messages_per_round": what.count,
        "sessions": what.sessions,
        "messages_per_session": what.messages_per_session,
        "plain_reuses_tls": reuse_tls,
        "idle_percent_of_a_core": idle,
        "sides": {name: {**asdict(side), "limited_by": limit(side)} for name, side in sides.items()},
        "targets": {
            name: {"measured": measured, "wanted": wanted, "reached": reached}
            for name, (measured, wanted, reached) in judged.items()
        },
    }


if __name__ == "__main__":
    benchmark(main)
