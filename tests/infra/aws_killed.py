"""Runs of the engine that end by SIGKILL while AWS has done what it was asked for and not yet said so."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.paths import project_root
from tests.infra.aws_engine import AwsFleet

_MTAFLEET = """
import sys
from pathlib import Path
import fleet.paths
folder = Path(sys.argv.pop(1))
fleet.paths.state_directory = lambda environment: folder / "mtafleet" / environment
import infra.aws_stack
infra.aws_stack.project_root = lambda: folder / "project"
from cli.main import main
main()
"""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@contextmanager
def surroundings(fleet: AwsFleet) -> Iterator[None]:
    """Have `mtafleet` in this process work on the fleet's project, with a folder of its own for notes.

    AWS shows at once what it has.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**fleet.environment, **CREDENTIALS}.items():
            patch.setenv(name, value)
        patch.setattr("infra.aws_stack.project_root", lambda: fleet.folder / "project")
        patch.setattr("infra.recovery.settling.SETTLE_SECONDS", 0.0)
        for user in ("cli.runs", "cli.recovery", "cli.maintenance.records"):
            patch.setattr(f"{user}.state_directory", lambda name: fleet.folder / "mtafleet" / name)
        yield


def start_mtafleet(fleet: AwsFleet, *arguments: str) -> subprocess.Popen[bytes]:
    """The command as a process of its own, in a process group of its own."""
    command = [sys.executable, "-c", _MTAFLEET, str(fleet.folder), *arguments]
    return _start(fleet, command, project_root(), {**fleet.environment, **CREDENTIALS})


def start_engine(fleet: AwsFleet, stack: str) -> subprocess.Popen[bytes]:
    """A plain `pulumi up`, likewise."""
    command = [
        "/usr/bin/env",
        "pulumi",
        "--non-interactive",
        "up",
        "--stack",
        stack,
        "--yes",
        "--skip-preview",
    ]
    return _start(fleet, command, fleet.folder / "project", fleet.environment)


def _start(
    fleet: AwsFleet, command: Sequence[str], folder: Path, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with (fleet.folder / "killed.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=dict(variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _stat(process: int) -> list[str]:
    """State, parent, group and so on; empty for a process that is not there."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _group(process: int) -> int:
    return int((_stat(process) or ["", "", "0"])[2])


def _living() -> set[int]:
    found = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return {process for process in found if (_stat(process) or ["Z"])[0] not in {"Z", "X"}}


class Held:
    """Calls that AWS carries out without answering, each once, until the run that made them was killed."""

    def __init__(self, fleet: AwsFleet, faults: Path, calls: Sequence[Mapping[str, str]]) -> None:
        self._faults = faults
        self._pipes = [fleet.folder / f"held-{number}" for number in range(len(calls))]
        for pipe in self._pipes:
            os.mkfifo(pipe)
        rules = [
            {"fault": "held", "times": 1, "pipe": str(pipe), **call}
            for pipe, call in zip(self._pipes, calls, strict=True)
        ]
        self._write(json.dumps(rules))

    def kill(self, run: subprocess.Popen[bytes]) -> None:
        """SIGKILL the run's process group once every call is held; let the answers go afterwards."""
        handles = [self._opened(pipe, run) for pipe in self._pipes]
        killed = [process for process in _living() if _group(process) == run.pid]
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        while not _living().isdisjoint(killed):
            time.sleep(0.05)
        for handle in handles:
            os.close(handle)
        for pipe in self._pipes:
            pipe.unlink()
        self._write("[]")

    def _opened(self, pipe: Path, run: subprocess.Popen[bytes]) -> int:
        """The writing end, as soon as the simulated AWS reads from the other."""
        while True:
            try:
                return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                assert run.poll() is None, "the run ended before its call was held"
                time.sleep(0.05)

    def _write(self, text: str) -> None:
        beside = self._faults.with_suffix(".new")
        beside.write_text(text)
        beside.rename(self._faults)


def end_processes(fleet: AwsFleet) -> None:
    """End what runs of a plain engine have left: they bear the fleet's own home in their environment."""
    mark = f"PULUMI_HOME={fleet.folder / 'home'}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            ours = mark in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if ours and int(entry.name) != os.getpid():
            os.kill(int(entry.name), signal.SIGKILL)
