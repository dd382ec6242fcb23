"""`uv run python -m bench.peers`: the same faults met by the fleet's daemons and by what others use."""

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from bench.errors import BenchError
from bench.main import benchmark
from bench.peers.catalogue import TOOLS, missing
from bench.peers.noise import Day, Noise, live_through
from bench.peers.tool import Tool
from bench.peers.trial import Outcome, try_once
from bench.peers.world import Fault, Node, enter, two_nodes

Days = dict[tuple[str, str], dict[Noise, Day]]
Results = dict[tuple[str, str], dict[Fault, list[Outcome]]]


async def compare(
    tools: Sequence[type[Tool]], faults: Sequence[Fault], count: int, seed: int, told: Console
) -> Results:
    """Tools take turns within each round, so that they meet the same noise; the seed gives the moments."""
    chance = random.Random(seed)  # noqa: S311 - picks moments, not secrets
    found: Results = {(one.name, one.setting): {fault: [] for fault in faults} for one in tools}
    with tempfile.TemporaryDirectory() as name, two_nodes(Path(name)) as nodes:
        for number in range(count):
            for fault in faults:
                for kind in tools:
                    directory = Path(name) / f"{number}-{fault.name}-{kind.__name__}"
                    directory.mkdir()
                    one = await _tried(kind(), fault, nodes, directory, chance, told)
                    if one is not None:
                        found[kind.name, kind.setting][fault].append(one)
                        told.print(
                            f"[dim]round {number + 1} of {count}, {fault}, {kind.name} ({kind.setting}): "
                            f"{_cell([one])} ms, {one.bad} of {one.attempts} bad[/dim]"
                        )
    return found


async def _tried(
    tool: Tool, fault: Fault, nodes: Sequence[Node], directory: Path, chance: random.Random, told: Console
) -> Outcome | None:
    try:
        return await try_once(tool, fault, nodes, directory, chance)
    except BenchError as error:
        told.print(f"[red]{error}[/red]")
        return None


async def bad_days(tools: Sequence[type[Tool]], seconds: int, seed: int, told: Console) -> Days:
    """Each tool lives through each kind of noise once."""
    chance = random.Random(seed)  # noqa: S311 - picks moments, not secrets
    found: Days = {(one.name, one.setting): {} for one in tools}
    with tempfile.TemporaryDirectory() as name, two_nodes(Path(name)) as nodes:
        for noise in Noise:
            for kind in tools:
                directory = Path(name) / f"{noise.name}-{kind.__name__}"
                directory.mkdir()
                day = await live_through(kind(), noise, seconds, nodes, directory, chance)
                found[kind.name, kind.setting][noise] = day
                told.print(f"[dim]{noise}, {kind.name} ({kind.setting}): {_day(day)}[/dim]")
    return found


@click.command()
@click.option("--trials", "count", type=click.IntRange(1), default=5, show_default=True, help="Of each kind.")
@click.option(
    "--tool", "names", multiple=True, type=click.Choice(list(TOOLS)), help="Repeatable [default: all]."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=click.Choice([str(one) for one in Fault]),
    help="Repeatable [default: all].",
)
@click.option(
    "--noise",
    "noise_seconds",
    type=click.IntRange(1),
    help="Break nothing: count wrong ejections for so many seconds.",
)
@click.option("--seed", type=int, help="Repeats the moments [default: new ones].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    count: int,
    names: tuple[str, ...],
    faults: tuple[str, ...],
    noise_seconds: int | None,
    seed: int | None,
    *,
    as_json: bool,
) -> None:
    """Break one of two mail nodes and say for how long clients suffered, tool by tool.

    Example: uv run python -m bench.peers --trials 20 --tool fleet --tool haproxy-fast
    """
    tools = [TOOLS[name] for name in names or TOOLS]
    if lacking := missing(tools):
        raise BenchError(f"programs are missing: install {', '.join(lacking)}")
    enter("bench.peers", sys.argv[1:])
    chosen = seed if seed is not None else random.SystemRandom().randrange(2**31)
    kinds = [Fault(one) for one in faults] or list(Fault)
    told = Console(stderr=True, highlight=False)
    if noise_seconds is not None:
        days = asyncio.run(bad_days(tools, noise_seconds, chosen, told))
        if as_json:
            click.echo(
                json.dumps({"seed": chosen, "seconds": noise_seconds, "rows": _day_rows(days)}, indent=2)
            )
        else:
            _print_days(days)
        return
    found = asyncio.run(compare(tools, kinds, count, chosen, told))
    if as_json:
        click.echo(json.dumps(_document(found, chosen), indent=2))
    else:
        _print(found, kinds)
        click.echo(f"seed {chosen}")


def _document(found: Results, seed: int) -> dict[str, object]:
    rows = [
        {
            "tool": name,
            "setting": setting,
            "faults": {
                str(fault): {
                    "trials": len(outcomes),
                    "last_bad_milliseconds": [round(1000 * one.last_bad_seconds) for one in outcomes],
                    "bad": sum(one.bad for one in outcomes),
                    "never": sum(one.never for one in outcomes),
                    "under_way_bad": sum(one.under_way_bad for one in outcomes),
                }
                for fault, outcomes in by_fault.items()
            },
        }
        for (name, setting), by_fault in found.items()
    ]
    return {"seed": seed, "rows": rows}


def _print(found: Results, faults: Sequence[Fault]) -> None:
    table = Table("last bad new session, ms: median / worst", "setting", *map(str, faults), box=None)
    for (name, setting), by_fault in found.items():
        table.add_row(name, setting, *(_cell(by_fault[fault]) for fault in faults))
    Console(highlight=False).print(table)


def _day_rows(days: Days) -> list[dict[str, object]]:
    return [
        {"tool": name, "setting": setting, **{str(noise): asdict(day) for noise, day in by_noise.items()}}
        for (name, setting), by_noise in days.items()
    ]


def _print_days(days: Days) -> None:
    table = Table("wrongly taken out; bad sessions", "setting", *map(str, Noise), box=None)
    for (name, setting), by_noise in days.items():
        table.add_row(name, setting, *(_day(by_noise[noise]) for noise in Noise))
    Console(highlight=False).print(table)


def _day(day: Day) -> str:
    out = "?" if day.ejections is None else str(day.ejections)
    return f"{out}; {day.bad} of {day.attempts}"


def _cell(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return "-"
    never = sum(one.never for one in outcomes)
    if 2 * never > len(outcomes):
        return "never"
    times = [1000 * one.last_bad_seconds for one in outcomes]
    text = f"{median(times):.0f} / {max(times):.0f}"
    return f"{text} (never in {never})" if never else text


if __name__ == "__main__":
    benchmark(main)
