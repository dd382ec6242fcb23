"""What machines use: CPU time by cgroup, memory."""

from lab.ids import LabPaths


def cpu_usage_seconds(paths: LabPaths, machine: str, unit: str | None = None) -> float:
    """CPU seconds since boot of a machine, or of the units that match a glob such as `postfix@*.service`."""
    raise NotImplementedError
