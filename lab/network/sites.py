"""Sites: a router, a bridge and the way to the lab's core."""

from lab.ids import LabPaths
from lab.specs import SiteSpec, SiteState


def ensure(paths: LabPaths, spec: SiteSpec) -> SiteState:
    """Make or adopt the site."""
    raise NotImplementedError


def read(paths: LabPaths, name: str) -> SiteState | None:
    """What is there now; None when the site does not exist."""
    raise NotImplementedError


def delete(paths: LabPaths, name: str) -> None:
    """Remove the site; nothing happens when it is gone already."""
    raise NotImplementedError
