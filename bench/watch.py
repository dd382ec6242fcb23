"""What it costs one daemon to watch many targets: `uv run python -m bench.watch`."""

import asyncio
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from bench.errors import BenchError
from bench.main import benchmark
from failover.ask import ask
from failover.assembly import run_daemon
from failover.config import Config, parse_config

SPARE_FILES = 500
SECRET = b"s" * 32
WARM_UP_SECONDS = 10.0
"""Sessions are made, and the first decisions."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One case, and what the daemon took for it."""

    targets: int
    hertz: int
    """Probes a second of each target, as asked for."""
    probes_a_second: float
    """Of all targets together, as the program that answers has counted them."""
    core_percent: float
    memory_mebibytes: float
    """The most that the process has had; it grows from case to case."""
    in_service: int
    """Targets that the daemon held to be well in the end."""


def configuration(directory: Path, targets: int, hertz: int, port: int) -> dict[str, Any]:
    """One observer and `targets` nodes with an instance each, which all answer on one port of loopback.

    The nodes send no heartbeats: so each is probed at the full pace, as a node whose daemon is away.
    """
    interval = 1000 // hertz
    peer = {"site": "s0", "role": "mta", "address": "127.0.0.1"}
    heartbeats = _free_port()
    own = {"name": "observer", "role": "witness", "probes": {}, "heartbeat_port": heartbeats}
    observer = {**peer, **own}
    nodes = [{**peer, "name": f"n{number}", "probes": {"p": port}} for number in range(targets)]
    return {
        "node": "observer",
        "secret_file": str(directory / "secret"),
        "heartbeat": {"address": "127.0.0.1", "port": heartbeats},
        "peers": [observer, *nodes],
        "pools": {"p": {"backends": ["pool_p"], "entries": {}, "entry_port": 587}},
        "policy": {
            "heartbeat_interval_milliseconds": interval,
            "probe_interval_milliseconds": interval,
            "probe_timeout_milliseconds": 1000,
            "session_interval_milliseconds": 600_000,
            "session_timeout_milliseconds": 10_000,
            "fall": 2,
            "rise": 10,
            "floor_percent": 50,
        },
        "haproxy": None,
        "dns": None,
        "views": None,
        "store": None,
        "maintenance": None,
        "status_socket": str(directory / "status.sock"),
        "events_file": str(directory / "events.jsonl"),
    }


def measure(targets: int, hertz: int, seconds: float) -> Watched:
    """Run one daemon in this process for so long; BenchError when it cannot have enough sockets."""
    _allow_files(targets + targets // 2 + SPARE_FILES)
    with tempfile.TemporaryDirectory() as name, _answering() as (port, count):
        directory = Path(name)
        config = parse_config(configuration(directory, targets, hertz, port))
        return asyncio.run(_measured(config, Watched(targets, hertz, 0, 0, 0, 0), seconds, count))


async def _measured(config: Config, case: Watched, seconds: float, count: Callable[[], int]) -> Watched:
    stop = asyncio.Event()
    daemon = asyncio.create_task(run_daemon(config, SECRET, stop))
    await asyncio.sleep(WARM_UP_SECONDS)
    answered, cpu, began = count(), time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    took, span, probes = time.process_time() - cpu, time.monotonic() - began, count() - answered
    status = await asyncio.to_thread(ask, config.status_socket)
    stop.set()
    await daemon
    members = status["pools"]["p"].values()
    return replace(
        case,
        probes_a_second=round(probes / span, 1),
        core_percent=round(100 * took / span, 1),
        memory_mebibytes=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        in_service=sum(one["relay"]["in_service"] and one["relay"]["healthy"] for one in members),
    )


@contextmanager
def _answering() -> Iterator[tuple[int, Callable[[], int]]]:
    """Who answers the probes, in a process of its own: its port, and how to learn what it has answered."""
    command = [sys.executable, "-m", "bench.answering"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asking, telling = process.stdin, process.stdout
        if asking is None or telling is None:
            raise BenchError("the program that answers has no pipes")

        def count() -> int:
            asking.write("\n")
            asking.flush()
            return int(telling.readline())

        yield int(telling.readline()), count
        asking.close()


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchError(f"{wanted} open files are needed, {hard} allowed: raise the limit (`ulimit -Hn`)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


CASES = ((1_000, 10), (10_000, 1))
"""Targets and probes a second of each."""


@click.command()
@click.option(
    "--seconds", default=20.0, show_default=True, type=click.FloatRange(1, 600), help="Of each case."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(seconds: float, *, as_json: bool) -> None:
    """Watch 1,000 targets ten times a second, then 10,000 once a second, with one daemon; tell its cost."""
    found = [measure(targets, hertz, seconds) for targets, hertz in CASES]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    click.echo(
        f"{'targets':>8} {'hertz':>6} {'probes/s':>9} {'% of a core':>12} {'MiB':>7} {'in service':>11}"
    )
    for one in found:
        click.echo(
            f"{one.targets:>8} {one.hertz:>6} {one.probes_a_second:>9.0f} {one.core_percent:>10.1f} "
            f"{one.memory_mebibytes:>6.0f} {one.in_service:>11}"
        )


if __name__ == "__main__":
    benchmark(main)
