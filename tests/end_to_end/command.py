"""Runs `mtafleet` as a person does: a process of its own, judged by its exit status and what it prints."""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.paths import project_root

PROGRAM = Path(sys.prefix) / "bin" / "mtafleet"
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Done:
    """A finished command."""

    status: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        return self.output + self.errors

    def json(self) -> dict[str, Any]:
        """What a command with `--json` printed."""
        try:
            found: dict[str, Any] = json.loads(self.output)
        except ValueError:
            raise AssertionError(f"no JSON, status {self.status}: {self.text}") from None
        return found


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `mtafleet` and leave it running."""
    return subprocess.Popen(
        [str(PROGRAM), *arguments],
        cwd=project_root(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def mtafleet(*arguments: str, timeout_seconds: float = 1800.0) -> Done:
    """Run `mtafleet` to its end. Interrupted, it gives the command time to put things in order."""
    process = start(*arguments)
    try:
        output, errors = process.communicate(timeout=timeout_seconds)
    except BaseException:
        _end(process)
        raise
    return Done(process.returncode, output, errors)


def _end(process: subprocess.Popen[str]) -> None:
    """A terminal's Ctrl-C has reached the command too; a signal to the tests alone has not."""
    for number in (None, signal.SIGINT, signal.SIGKILL):
        if number is not None:
            process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=PATIENCE_SECONDS)
            return
