"""How long a fault hurts: many drills at random moments, summed up.

    uv run python -m bench.failover --trials 5

Needs a configured lab. Each trial is one whole drill (see `mtafleet drill`): steady load through the sidecar
and, apart from it, to the nodes' own front doors; a fault; recovery; the ledger. Kinds of fault take turns.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from bench.errors import BenchError
from bench.failover_figures import ALLOWED_MEDIAN_SECONDS, Spread, Summary, Trial, summary
from bench.main import benchmark
from cli.drill import fault_journal, open_target
from drills.analysis import figures
from drills.errors import DrillError
from drills.run import run
from drills.scenario import DEMONSTRATED, SCENARIOS, Scenario

FAILURES_IN_A_ROW = 3


def trials(
    environment: str, count: int, scenarios: Sequence[Scenario], seed: int, told: Console
) -> list[Trial]:
    """Run all trials. A drill that cannot begin is told and left out; BenchError after several in a row."""
    chance = random.Random(seed)  # noqa: S311 - picks moments, not secrets
    done: list[Trial] = []
    failures = 0
    for number in range(count):
        for scenario in scenarios:
            try:
                one = _trial(environment, scenario, chance.randrange(2**31))
            except DrillError as error:
                failures += 1
                told.print(f"[red]trial {number + 1}, {scenario.fault}: {error}[/red]")
                if failures >= FAILURES_IN_A_ROW:
                    raise BenchError(
                        f"{failures} drills in a row could not begin; the last: {error}"
                    ) from error
                continue
            failures = 0
            done.append(one)
            told.print(
                f"[dim]trial {number + 1} of {count}, {scenario.fault} of {one.seen.victim}: last bad "
                f"{_milliseconds(one.sidecar_last_bad_seconds)} ms, detected "
                f"{_milliseconds(one.figures.detected_seconds)} ms, {one.seen.ledger.lost} lost[/dim]"
            )
    return done


def _trial(environment: str, scenario: Scenario, seed: int) -> Trial:
    seen = run(scenario, open_target(environment), journal=fault_journal(environment), seed=seed)
    return Trial(scenario.fault, seen, figures(seen))


@click.command()
@click.option("-e", "--environment", default="lab", show_default=True)
@click.option("--trials", "count", type=click.IntRange(1), default=3, show_default=True, help="Of each kind.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=click.Choice(list(ALLOWED_MEDIAN_SECONDS)),
    help="This kind; repeatable [default: crash, blackhole, hang].",
)
@click.option("--seed", type=int, help="Repeats victims and moments [default: new ones].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(environment: str, count: int, faults: tuple[str, ...], seed: int | None, *, as_json: bool) -> None:
    """Break nodes again and again, and say how long it hurt."""
    chosen = seed if seed is not None else random.SystemRandom().randrange(2**31)
    scenarios = [
        one for one in SCENARIOS.values() if (one.fault in faults if faults else one.name in DEMONSTRATED)
    ]
    done = trials(environment, count, scenarios, chosen, Console(stderr=True, highlight=False))
    summaries = [
        summary(one.fault, mine) for one in scenarios if (mine := [t for t in done if t.kind == one.fault])
    ]
    if as_json:
        click.echo(json.dumps(_document(chosen, summaries, done), indent=2))
    else:
        _print(summaries)
        click.echo(f"seed {chosen}")


def _document(seed: int, summaries: Sequence[Summary], done: Sequence[Trial]) -> dict[str, object]:
    return {
        "seed": seed,
        "faults": [{**asdict(one), "reached": one.reached} for one in summaries],
        "trials": [
            {"fault": one.kind, "victim": one.seen.victim, "seed": one.seen.seed, **asdict(one.figures)}
            for one in done
        ],
    }


def _print(summaries: Sequence[Summary]) -> None:
    table = Table("milliseconds after the fault: median / worst", *(one.kind for one in summaries), box=None)
    spreads: dict[str, Callable[[Summary], Spread]] = {
        "last bad new session through the sidecar": lambda one: one.sidecar_last_bad,
        "last bad session of direct clients": lambda one: one.direct_last_bad,
        "suspected": lambda one: one.suspected,
        "detected (agreed to be down)": lambda one: one.detected,
        "first order to a front door": lambda one: one.acted,
        "DNS changed": lambda one: one.dns,
    }
    for label, spread in spreads.items():
        table.add_row(label, *(_told(spread(one)) for one in summaries))
    counts: dict[str, Callable[[Summary], str]] = {
        "trials": lambda one: str(one.trials),
        "bad new sessions of all, sidecar": lambda one: f"{one.sidecar_bad} of {one.sidecar_attempts}",
        "of those begun while it returned, refused": lambda one: str(one.sidecar_failed_after_heal),
        "slow while this computer stalled": lambda one: str(one.stalled),
        "under way at the fault, of them bad": lambda one: f"{one.under_way}, {one.under_way_bad}",
        "bad sessions of direct clients": lambda one: str(one.direct_bad),
        "victim's share of the load, least": lambda one: _percent(one.victim_share_percent),
        "messages lost, duplicated": lambda one: f"{one.lost}, {one.duplicated}",
        "not whole again in time": lambda one: str(one.not_recovered),
        "median wanted": lambda one: f"{1000 * one.allowed_median_seconds:.0f} ms",
        "": lambda one: "[green]reached[/green]" if one.reached else "[bold red]missed[/bold red]",
    }
    for label, tell in counts.items():
        table.add_row(label, *(tell(one) for one in summaries))
    Console(highlight=False).print(table)


def _told(spread: Spread) -> str:
    if spread.median is None:
        return "never"
    text = f"{_milliseconds(spread.median)} / {_milliseconds(spread.maximum)}"
    return f"{text} (never in {spread.missing})" if spread.missing else text


def _milliseconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{1000 * seconds:.0f}"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f} %"


if __name__ == "__main__":
    benchmark(main)
