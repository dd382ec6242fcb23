"""Making, finding and removing the outer namespace."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.ids import LabPaths


@dataclass(frozen=True, slots=True)
class Outer:
    """A living outer namespace; `pid` is its init as the host counts."""

    pid: int


def ensure(paths: LabPaths) -> Outer:
    """Adopt the lab's outer namespace, or make it."""
    raise NotImplementedError


def find(paths: LabPaths) -> Outer | None:
    """The outer namespace when it lives, verified by pid, start time and boot."""
    raise NotImplementedError


def run(outer: Outer, command: Sequence[str], *, network: str | None = None, stdin: str | None = None) -> str:
    """Run a command inside (in the named network namespace) and return its output. CommandError with its words when it fails."""
    raise NotImplementedError


def destroy(paths: LabPaths) -> None:
    """Remove everything of the lab: processes, mounts, namespaces, cgroups, files; from any state, any number of times."""
    raise NotImplementedError
