"""The private directory of a run: secrets live here while it lasts, in memory, and nowhere else."""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.configure.errors import ConfigureError

PREFIX = "mtafleet-configure-"
PLACES = (Path("/dev/shm"), Path("/run"))  # noqa: S108  (memory, and the directory in it is private)


@contextmanager
def private_directory(places: tuple[Path, ...] = PLACES) -> Iterator[Path]:
    """A new directory, mode 0700, on a file system in memory; deleted on every way out.

    Directories of runs that were killed are deleted first. ConfigureError when there is no such file system.
    """
    place = _memory(places)
    _delete_abandoned(place)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    try:
        with (directory / "lock.new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Only now can others see it: a lock nobody holds would tell them that this run was killed.
            (directory / "lock.new").rename(directory / "lock")
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def write_private(path: Path, content: str) -> Path:
    """Write a file that nobody else can ever have read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
    return path


def _memory(places: tuple[Path, ...]) -> Path:
    mounted = {
        fields[1]: fields[2]
        for fields in map(str.split, Path("/proc/mounts").read_text(encoding="utf-8").splitlines())
    }
    for place in places:
        if mounted.get(str(place)) == "tmpfs" and os.access(place, os.W_OK):
            return place
    named = " nor ".join(map(str, places))
    raise ConfigureError(
        f"no place in memory for secrets: neither {named} is a writable tmpfs; "
        "mount one, for example `mount -t tmpfs -o mode=1777 tmpfs /dev/shm`"
    )


def _delete_abandoned(place: Path) -> None:
    for directory in place.glob(f"{PREFIX}*"):
        try:
            with (directory / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_users(directory)
                shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            continue  # in use, someone else's, or just being made


def _end_users(directory: Path) -> None:
    """End what a killed run has left working with its directory: Ansible and its ssh connections."""
    mark = f"{directory}/".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) != os.getpid() and mark in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue  # ended meanwhile, or another user's
