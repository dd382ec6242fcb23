"""Faults a drill can inject, each with the call that undoes it."""

from lab.ids import LabPaths


def blackhole(paths: LabPaths, machine: str) -> None:
    """Drop every packet from and to the machine."""
    raise NotImplementedError


def heal(paths: LabPaths, machine: str) -> None:
    """Undo `blackhole`."""
    raise NotImplementedError


def cut_region(paths: LabPaths, site: str, *, spare_operator: bool = True) -> None:
    """Drop every packet that enters or leaves the site (the operator's own path may stay)."""
    raise NotImplementedError


def heal_region(paths: LabPaths, site: str) -> None:
    """Undo `cut_region`."""
    raise NotImplementedError


def freeze(paths: LabPaths, machine: str, unit: str) -> int:
    """SIGSTOP to all processes of the units matching the glob, e.g. `postfix@*.service`; returns how many."""
    raise NotImplementedError


def thaw(paths: LabPaths, machine: str, unit: str) -> int:
    """SIGCONT to the same."""
    raise NotImplementedError


def heal_all(paths: LabPaths) -> None:
    """Undo every network fault and thaw every stopped process; for clean-up after an interrupted drill."""
    raise NotImplementedError
