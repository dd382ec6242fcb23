"""Disks: what a machine keeps over boots, an overlay over the image."""

from lab.ids import LabPaths
from lab.specs import DiskSpec, DiskState


def ensure(paths: LabPaths, spec: DiskSpec) -> DiskState:
    """Make or adopt the disk. ConflictError when one of that name has other contents."""
    raise NotImplementedError


def read(paths: LabPaths, name: str) -> DiskState | None:
    """What is there now; a half-made disk reads as None."""
    raise NotImplementedError


def delete(paths: LabPaths, name: str) -> None:
    """Remove the disk. ConflictError while a machine runs from it."""
    raise NotImplementedError
