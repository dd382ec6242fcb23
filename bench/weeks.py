"""Eight weeks in virtual time: naive, reputation-aware, tiered, and this fleet's own decisions.

uv run python -m bench.weeks             the table, some minutes
uv run python -m bench.weeks --sweep     each figure of the ISPs' model halved and doubled; an hour or more
"""

import json
from collections.abc import Callable, Iterator, Mapping

import click

from bench.eightweeks.approaches import Naive, ReputationAware, tiered
from bench.eightweeks.isp_model import RECEIVERS, SWEPT, Receiver, fingerprint, swept
from bench.eightweeks.ours import Ours
from bench.eightweeks.run import BURNT, Result, Weeks, hosts, usual_per_day
from bench.eightweeks.traffic import TICKS
from bench.main import benchmark

HEAD = (
    "| approach | accepted | in the inbox | in spam | refused attempts | peak, attempts a minute "
    "| $ per 1,000 | burnt | late |"
)
RULE = "|---|---|---|---|---|---|---|---|---|"


def approaches() -> Mapping[str, Callable[[Mapping[str, Receiver]], Weeks]]:
    """Each, ready to run against some ISPs."""
    return {"naive": _naive, "reputation-aware": _aware, "tiered": _tiered, "ours": _ours}


def _naive(receivers: Mapping[str, Receiver]) -> Weeks:
    return Weeks(Naive(), receivers, mixed=True)


def _aware(receivers: Mapping[str, Receiver]) -> Weeks:
    approach = ReputationAware(usual_per_day=usual_per_day(receivers, mixed=True))
    return Weeks(approach, receivers, mixed=True)


def _tiered(receivers: Mapping[str, Receiver]) -> Weeks:
    return Weeks(tiered(usual_per_day(receivers, mixed=False)), receivers, mixed=False)


def _ours(receivers: Mapping[str, Receiver]) -> Weeks:
    approach = Ours(hosts(), BURNT)
    approach.remember(usual_per_day(receivers, mixed=False))
    return Weeks(approach, receivers, mixed=False)


def line(result: Result) -> str:
    """One row of the table."""
    late = ", ".join(f"{kind} {count}" for kind, count in result.late.items() if count) or "none"
    return (
        f"| {result.name} | {result.delivered_share:.2%} | {result.inbox_share:.2%} "
        f"| {result.spam / result.valid:.2%} | {result.deferred / max(1, result.attempts):.2%} "
        f"| {result.peak_per_minute} | {result.dollars_per_thousand:.3f} | {result.burnt} | {late} |"
    )


def variants(*, sweep: bool) -> Iterator[tuple[str, Mapping[str, Receiver]]]:
    """The ISPs as they are, then with each figure halved and doubled."""
    yield "as fixed", RECEIVERS
    if sweep:
        for figure in SWEPT:
            for factor in (0.5, 2.0):
                yield f"{figure} x {factor}", swept(RECEIVERS, figure, factor)


@click.command(help=__doc__)
@click.option("--sweep", is_flag=True, help="Halve and double each figure of the model.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each run instead of a table.")
@click.option("--only", type=click.Choice(sorted(approaches())), help="Run one approach.")
@click.option("--days", type=click.IntRange(1, 56), default=56, show_default=True)
def weeks(sweep: bool, as_json: bool, only: str | None, days: int) -> None:
    click.echo(f"model {fingerprint(RECEIVERS)}", err=True)
    for told, receivers in variants(sweep=sweep):
        if not as_json:
            click.echo(f"\n{told}\n\n{HEAD}\n{RULE}")
        for name, made in approaches().items():
            if only in (None, name):
                result = made(receivers).run(TICKS * days // 56)
                click.echo(_json(told, result) if as_json else line(result))


def _json(told: str, result: Result) -> str:
    figures = {
        "model": told,
        "approach": result.name,
        "valid": result.valid,
        "inbox": result.inbox,
        "spam": result.spam,
        "given_up_or_waiting": result.expired,
        "attempts": result.attempts,
        "refused": result.deferred,
        "peak_per_minute": result.peak_per_minute,
        "dollars_per_thousand": round(result.dollars_per_thousand, 4),
        "burnt": result.burnt,
        "late": result.late,
    }
    return json.dumps(figures)


if __name__ == "__main__":
    benchmark(weeks)
