"""What this computer knows of its own runs of the engine: one that was killed is told from everyone else's.

A run is noted while it lasts, with a mark that all its processes bear in their environment. Providers outlive
an engine that was killed; they are ended before anyone looks what they have made.
"""

import json
import os
import secrets
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "MTAFLEET_RUN"
"""The variable in the environment of an engine and all it starts."""
_END_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the engine: the file that notes it, its mark, its process (0 before it began) and computer."""

    file: Path
    mark: str
    process: int = 0
    computer: str = ""

    @classmethod
    def new(cls, file: Path) -> "Run":
        return cls(file, secrets.token_hex(8))

    @property
    def here(self) -> bool:
        """Whether it is, or was, a run on this computer."""
        return self.computer == socket.gethostname()

    def begun(self, process: int) -> None:
        """Note the engine's process."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        told = {"mark": self.mark, "process": process, "computer": socket.gethostname()}
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(told), encoding="utf-8")
        fresh.replace(self.file)

    def ended(self) -> None:
        self.file.unlink(missing_ok=True)


def noted(file: Path) -> Run | None:
    """The run that `file` notes, which did not end by itself; None when there is none."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return Run(file, str(told["mark"]), int(told["process"]), str(told["computer"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def end_remains(run: Run) -> int:
    """End what a killed run has left on this computer, and wait until it is gone; how many there were."""
    remains = list(_marked(run.mark))
    for process in remains:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(process)
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [], _END_SECONDS)
            finally:
                os.close(handle)
    return len(remains)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0") and int(entry.name) != os.getpid():
                yield int(entry.name)
