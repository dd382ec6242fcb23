"""Removing a lab without a trace, from whatever state it is in.

Two independent grips hold every process of a lab: the pid namespace, whose first process takes
all others with it, and the cgroup, which also holds a launcher that was interrupted half-way.
Mounts and network namespaces exist only inside, so they end with the last process.
"""

import shutil
import signal
from contextlib import suppress
from pathlib import Path

from lab import cgroups, ids
from lab.errors import LabError
from lab.ids import LabPaths
from lab.locks import held
from lab.outer.record import living

_END_TIMEOUT_SECONDS = 60.0


def destroy(paths: LabPaths) -> None:
    """Remove everything of the lab: processes, mounts, namespaces, cgroups, files.

    Works from any state, any number of times. OwnershipError when another checkout owns the lab.
    """
    ids.require_ours(paths)
    if not any(place.exists() for place in (paths.state, paths.run, cgroups.of_lab(paths))):
        return
    with held(paths.locks / "outer"):
        _end_processes(paths)
        cgroups.remove_lab(paths)
        _remove(paths.state)
        _remove(paths.run)
    for place in (paths.state.parent, paths.state.parent.parent, paths.run.parent, paths.run.parent.parent):
        with suppress(OSError):
            place.rmdir()


def _end_processes(paths: LabPaths) -> None:
    first = living(paths)
    if first is not None:
        first.send(signal.SIGKILL)
        first.wait(_END_TIMEOUT_SECONDS)
    cgroups.kill(cgroups.of_lab(paths), _END_TIMEOUT_SECONDS)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():  # something inside vanished under us: once more
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise LabError(f"{folder} could not be removed: {error}; look for what still uses it") from error
