"""Labs that a killed run of these tests has left: their machines run on and slow down all that follows."""

import os
from pathlib import Path

from lab import ids
from lab.errors import OwnershipError
from lab.ids import LabPaths
from lab.outer import namespace

ENVIRONMENT = "test"


def sweep() -> list[str]:
    """Destroy every lab of these tests whose run is over; returns their names."""
    return [found.lab for found in _labs() if _is_over(found.checkout) and _destroyed(found)]


def _labs() -> list[LabPaths]:
    found = []
    for state in sorted(ids.STATE_ROOT.glob(f"{ENVIRONMENT}-*")):
        here = LabPaths(state.name, Path(), state, ids.RUN_ROOT / state.name, Path())
        try:
            checkout = ids.owner(here)
        except OwnershipError:
            continue
        if checkout is not None:
            found.append(LabPaths(here.lab, checkout, here.state, here.run, here.cache))
    return found


def _is_over(checkout: Path) -> bool:
    """Whether the folder of a test has gone, or the pytest that made it: a `.lock` above has its number."""
    if not checkout.exists():
        return True
    for folder in checkout.parents:
        try:
            process = int((folder / ".lock").read_text())
        except (OSError, ValueError):
            continue
        return not Path(f"/proc/{process}").exists()
    return False


def _destroyed(paths: LabPaths) -> bool:
    if os.geteuid() != 0:
        return False
    namespace.destroy(paths)
    return True
