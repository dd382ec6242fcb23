"""What machines use, by cgroup: every process counts, however short it lived."""

from pathlib import Path

from lab import cgroups
from lab.errors import ConflictError
from lab.ids import LabPaths


def cpu_usage_seconds(paths: LabPaths, machine: str, unit: str | None = None) -> float:
    """CPU seconds, user and system, since boot: of a whole machine or of units that match a glob.

    A unit begins at zero again when it is restarted. ConflictError when nothing of it runs.
    """
    group = cgroups.of_machine(paths, machine)
    groups = [group / "payload"] if unit is None else cgroups.units(group, unit)
    if not groups or not all(found.is_dir() for found in groups):
        raise ConflictError(f"machine {machine} runs no {unit or 'system'} whose CPU time could be read")
    return sum(cgroups.cpu_seconds(found) for found in groups)


def memory_bytes(paths: LabPaths, machine: str) -> int:
    """Memory of a machine's processes, shared pages divided among those that share them."""
    return sum(map(_proportional_bytes, cgroups.process_ids(cgroups.of_machine(paths, machine) / "payload")))


def _proportional_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)
