"""Control groups: which processes belong to a lab, a machine, a unit; and what they have used.

Every process of a lab lives below `mtafleet/<lab>` in the cgroup v2 hierarchy, wherever the host
mounts it (alone on new systems, as `unified` beside v1 hierarchies on old ones). No controllers
are needed: v2 groups count CPU time, tell whether they are populated, and can be killed as one.
"""

import os
import select
import time
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from lab.errors import HostError, LabError
from lab.ids import LabPaths

PARENT = "mtafleet"


@cache
def unified() -> Path:
    """Where cgroup v2 is mounted; HostError when it is not."""
    for mount_point, kind in _mounts():
        if kind == "cgroup2":
            return mount_point
    raise HostError("no cgroup v2 hierarchy is mounted; the lab needs one (mount -t cgroup2)")


def of_lab(paths: LabPaths) -> Path:
    return unified() / PARENT / paths.lab


def of_machine(paths: LabPaths, machine: str) -> Path:
    return of_lab(paths) / "machines" / machine


def populated(group: Path) -> bool:
    """Whether any process lives in the group or below it."""
    try:
        return "populated 1" in (group / "cgroup.events").read_text()
    except OSError:
        return False


def wait_empty(group: Path, timeout_seconds: float) -> bool:
    """Wait, by the kernel's own notice, until no process is left; False after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    try:
        with (group / "cgroup.events").open("rb", buffering=0) as events:
            poller = select.poll()
            poller.register(events, select.POLLPRI | select.POLLERR)
            while b"populated 1" in _reread(events.fileno()):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return False
                poller.poll(remaining * 1000)
    except OSError:
        return True
    return True


def kill(group: Path, timeout_seconds: float = 60.0) -> None:
    """SIGKILL everything in the group and below, and wait until it is empty."""
    try:
        (group / "cgroup.kill").write_text("1")
    except OSError:
        if not group.exists():
            return
        raise
    if not wait_empty(group, timeout_seconds):
        raise LabError(f"{group}: processes {list(process_ids(group))} do not end after SIGKILL")


def process_ids(group: Path) -> Iterator[int]:
    """All processes in the group and below, as the host counts them."""
    for folder, _, _ in os.walk(group):
        yield from direct_process_ids(Path(folder))


def direct_process_ids(group: Path) -> list[int]:
    """The processes in the group itself; empty when the group is gone."""
    try:
        return [int(word) for word in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def units(machine_group: Path, pattern: str) -> list[Path]:
    """The groups of a machine's units whose names match, none of them inside another."""
    found: list[Path] = []
    for folder, below, _ in os.walk(machine_group / "payload"):
        matching = sorted(name for name in below if fnmatchcase(name, pattern))
        found.extend(Path(folder) / name for name in matching)
        below[:] = sorted(set(below) - set(matching))
    return found


def cpu_seconds(group: Path) -> float:
    """CPU time that the group and all below have used since the group was made."""
    for line in (group / "cpu.stat").read_text().splitlines():
        if line.startswith("usage_usec "):
            return int(line.split()[1]) / 1e6
    raise LabError(f"{group}/cpu.stat does not tell the CPU time used")


def remove(relative: str) -> None:
    """Remove an empty group and all below it from every hierarchy (systemd-nspawn adds v1 ones)."""
    for mount_point, _ in _mounts():
        for folder, _, _ in os.walk(mount_point / relative, topdown=False):
            with suppress(FileNotFoundError):
                Path(folder).rmdir()


def remove_lab(paths: LabPaths) -> None:
    """Remove the lab's groups, and the common parent when no other lab uses it."""
    remove(f"{PARENT}/{paths.lab}")
    for mount_point, _ in _mounts():
        with suppress(OSError):
            (mount_point / PARENT).rmdir()


def _mounts() -> list[tuple[Path, str]]:
    """All cgroup mounts as (mount point, "cgroup" or "cgroup2")."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount_point, kind, *_ = line.split()
        if kind in ("cgroup", "cgroup2"):
            found.append((Path(mount_point), kind))
    return found


def _reread(descriptor: int) -> bytes:
    return os.pread(descriptor, 4096, 0)
