"""What a look-up in the live map costs, beside a static one: `uv run python -m bench.router`."""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import uvloop

from bench.errors import BenchError
from bench.main import benchmark
from delivery.router.netstring import netstring
from fleet.catalogue import Catalogue
from fleet.paths import project_root
from fleet.routing import router_settings
from fleet.spec.load import load_environment
from fleet.topology import Fleet

POOL, NODE = "transactional", "east-1"
CONNECTIONS = 20
"""Postfix has a few processes that ask; each asks one question at a time."""
PACED_PER_SECOND = 2_000
WANTED_PER_CPU_SECOND, WANTED_P99_MILLISECONDS = 20_000, 2.0
START_SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to answer."""

    case: str
    per_cpu_second: int
    """Look-ups a second of processor time of all that answers."""
    at_once_per_second: int
    """With all connections asking as fast as they can, on this computer."""
    p50_milliseconds: float
    p99_milliseconds: float
    """Both at 2,000 a second."""


class Asker:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, path: Path) -> "Asker":
        return cls(*await asyncio.open_unix_connection(str(path)))

    async def ask(self, number: int) -> float:
        """Seconds until the answer."""
        began = time.perf_counter()
        self._writer.write(netstring(b"%b user%d@gmail.com" % (POOL.encode(), number)))
        length = await self._reader.readuntil(b":")
        reply = await self._reader.readexactly(int(length[:-1]) + 1)
        if not reply.startswith(b"OK "):
            raise BenchError(f"the answer was {reply!r}")
        return time.perf_counter() - began

    def close(self) -> None:
        self._writer.close()


@contextmanager
def running(directory: Path, *commands: str) -> Iterator[list[int]]:
    """The processes' ids; they end with the block."""
    words = [sys.executable, "-m", "delivery.router", "--settings", str(directory / "router.json")]
    static = [sys.executable, "-m", "bench.static_map", str(directory / "map.sock")]
    started = [
        subprocess.Popen(
            static if one == "static" else [*words, one], cwd=project_root(), stderr=subprocess.DEVNULL
        )
        for one in commands
    ]
    try:
        yield [one.pid for one in started]
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
            process.wait()


def cpu_seconds(processes: list[int]) -> float:
    used = 0
    for one in processes:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / TICKS


async def connected(path: Path) -> list[Asker]:
    deadline = time.monotonic() + START_SECONDS
    while not os.path.exists(path):  # noqa: ASYNC240, PTH110  nothing else runs yet
        if time.monotonic() > deadline:
            raise BenchError(f"{path} did not appear within {START_SECONDS:.0f} s")
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)  # the front believes the router after a few good answers
    return [await Asker.connect(path) for _ in range(CONNECTIONS)]


async def flat_out(askers: list[Asker], seconds: float) -> int:
    """How many were answered with every connection asking again at once."""
    ends = time.monotonic() + seconds

    async def keep_on(asker: Asker) -> int:
        count = 0
        while time.monotonic() < ends:
            await asker.ask(count)
            count += 1
        return count

    return sum(await asyncio.gather(*(keep_on(one) for one in askers)))


async def paced(askers: list[Asker], seconds: float) -> list[float]:
    """The times at 2,000 a second, spread evenly over the connections."""
    pause = len(askers) / PACED_PER_SECOND
    began = asyncio.get_running_loop().time() + 0.1

    async def keep_pace(asker: Asker, place: int) -> list[float]:
        times = []
        for number in range(int(seconds / pause)):
            at = began + (number + place / len(askers)) * pause
            await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))
            times.append(await asker.ask(number))
        return times

    found = await asyncio.gather(*(keep_pace(one, place) for place, one in enumerate(askers)))
    return [one for times in found for one in times]


async def measure(case: str, socket: Path, processes: list[int], seconds: float) -> Measured:
    askers = await connected(socket)
    before = cpu_seconds(processes)
    count = await flat_out(askers, seconds)
    used = cpu_seconds(processes) - before
    times = await paced(askers, seconds)
    for one in askers:
        one.close()
    cuts = statistics.quantiles(times, n=100)
    return Measured(
        case,
        round(count / used),
        round(count / seconds),
        round(1000 * cuts[49], 3),
        round(1000 * cuts[98], 3),
    )


def all_cases(seconds: float) -> list[Measured]:
    fleet = Fleet.of(load_environment("lab"))
    found = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        settings = router_settings(fleet, Catalogue.load(), NODE, datetime.now(UTC).date()) | {
            "front_socket": str(directory / "map.sock"),
            "router_socket": str(directory / "router.sock"),
            "socket_group": None,
            "plan_file": str(directory / "plan.json"),
            "events_file": None,
        }
        (directory / "router.json").write_text(json.dumps(settings))
        cases = {
            "static map": (("static",), "map.sock"),
            "front alone (router dead)": (("front",), "map.sock"),
            "router alone": (("router",), "router.sock"),
            "front and router": (("router", "front"), "map.sock"),
        }
        for case, (commands, socket) in cases.items():
            with running(directory, *commands) as processes:
                found.append(_run(measure(case, directory / socket, processes, seconds)))
            (directory / socket).unlink(missing_ok=True)
    return found


def _run(what: Coroutine[None, None, Measured]) -> Measured:
    """The asking side is on the same computer: the less it costs, the less it falsifies."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(what)


@click.command()
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.5, 600))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(seconds: float, *, as_json: bool) -> None:
    """Time look-ups in the live transport map, flat out and at 2,000 a second, beside a static map."""
    found = all_cases(seconds)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    click.echo(f"{'case':28} {'per CPU second':>15} {'at once/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
    for one in found:
        click.echo(
            f"{one.case:28} {one.per_cpu_second:>15,} {one.at_once_per_second:>10,} "
            f"{one.p50_milliseconds:>8.3f} {one.p99_milliseconds:>8.3f}"
        )
    click.echo(f"wanted: {WANTED_PER_CPU_SECOND:,} per CPU second, p99 under {WANTED_P99_MILLISECONDS} ms")


if __name__ == "__main__":
    benchmark(main)
