"""Links: delay, jitter and loss between two sites."""

from lab.ids import LabPaths
from lab.specs import LinkSpec, LinkState


def ensure(paths: LabPaths, spec: LinkSpec) -> LinkState:
    """Give the path between two existing sites these properties, live."""
    raise NotImplementedError


def read(paths: LabPaths, name: str) -> LinkState | None:
    """What is in force now; None when no such link was made."""
    raise NotImplementedError


def delete(paths: LabPaths, name: str) -> None:
    """Let the kernel carry the path without delay again."""
    raise NotImplementedError
