"""What a process and everything it started used: memory and CPU time, by part, sampled from /proc."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_SECONDS = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Used:
    """Sums over the processes of one part."""

    peak_mebibytes: float = 0.0
    """Each process's own peak of resident memory, shared pages counted in each."""
    cpu_seconds: float = 0.0


@dataclass
class Sampler:
    """Keeps what each descendant of `root` was last seen to have used; `parts` name them by command line.

    A part is a name and a piece of the command line; the first that fits counts, `other` the rest.
    """

    root: int
    parts: tuple[tuple[str, str], ...]
    _seen: dict[tuple[int, str], tuple[str, float, float]] = field(default_factory=dict)

    def sample(self) -> None:
        """Look once."""
        for pid in _descendants(self.root):
            found = _read(pid)
            if found is not None:
                started, command, peak, cpu = found
                self._seen[pid, started] = (self._part(command), peak, cpu)

    def used(self) -> dict[str, Used]:
        """What was used so far, by part."""
        totals: dict[str, Used] = {}
        for part, peak, cpu in self._seen.values():
            total = totals.setdefault(part, Used())
            total.peak_mebibytes += peak
            total.cpu_seconds += cpu
        return totals

    def _part(self, command: str) -> str:
        return next((name for name, piece in self.parts if piece in command), "other")


@contextmanager
def sampling(root: int, parts: tuple[tuple[str, str], ...]) -> Iterator[Sampler]:
    """Sample in the background as long as the block lasts."""
    sampler = Sampler(root, parts)
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            began = time.monotonic()
            sampler.sample()
            ended.wait(max(SAMPLE_SECONDS, 4 * (time.monotonic() - began)))

    thread = threading.Thread(target=work, name="sampling", daemon=True)
    thread.start()
    try:
        yield sampler
    finally:
        ended.set()
        thread.join()


def _descendants(root: int) -> list[int]:
    """`root` and all processes below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _parent(int(entry.name))
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` after the name; empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _read(pid: int) -> tuple[str, str, float, float] | None:
    """When it started, its command line, its peak in MiB, its CPU seconds; None when it has ended."""
    fields = _stat(pid)
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), None)
    if not fields or peak is None:
        return None
    cpu_seconds = (int(fields[11]) + int(fields[12])) / _TICKS
    return fields[19], command, int(peak) / 1024, cpu_seconds
