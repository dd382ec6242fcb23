"""Wait until nobody else holds the locks of Debian's package programs, and tell who does.

Part of a node's bundle, used by `mtafleet_packages.py`. On a fresh machine apt-daily or unattended-upgrades
may be at work. `DPkg::Lock::Timeout` has apt wait for dpkg's locks; for those of its lists and archives it
does not wait, nor does dpkg for its own.
"""

import fcntl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LOCKS = tuple(
    Path(one)
    for one in (
        "/var/lib/dpkg/lock-frontend",
        "/var/lib/dpkg/lock",
        "/var/lib/apt/lists/lock",
        "/var/cache/apt/archives/lock",
    )
)
WAIT_SECONDS = 600.0
PAUSE_SECONDS = 2.0
BLAMED = ("Could not get lock", "locked by another process")
"""What apt and dpkg say when somebody was faster between a look and their own."""

_FLOCK = "hhqqi4x"
"""struct flock of a 64-bit Linux: type, whence, start, length, process (fcntl(2))."""


class LockedError(Exception):
    """Somebody held a lock for too long; `str()` says which one and who."""


def patiently(
    work: Callable[[], object],
    failure: type[Exception],
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Do `work` when nobody else holds a lock; again when it raised a `failure` that blames one.

    LockedError after WAIT_SECONDS in all.
    """
    deadline = clock() + WAIT_SECONDS
    while True:
        while (found := held()) is not None and clock() < deadline:
            pause(PAUSE_SECONDS)
        if found is not None:
            raise LockedError(_told(*found))
        try:
            work()
        except failure as error:
            if clock() >= deadline or not any(words in str(error) for words in BLAMED):
                raise
        else:
            return
        pause(PAUSE_SECONDS)


def held() -> tuple[Path, int] | None:
    """The first lock that another process holds, and that process's id; None when all are free."""
    for path in LOCKS:
        with suppress(FileNotFoundError), path.open("rb") as stream:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, 0, 0, 0, 0)
            kind, _, _, _, process = struct.unpack(_FLOCK, fcntl.fcntl(stream, fcntl.F_GETLK, asked))
            if kind != fcntl.F_UNLCK:
                return path, process
    return None


def _told(path: Path, process: int) -> str:
    return (
        f"{path} was held for {WAIT_SECONDS:.0f} seconds, now by {_described(process)}: "
        "wait until that has ended, or end it, and run the command again"
    )


def _described(process: int) -> str:
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        words = []
    said = b" ".join(words).decode(errors="replace")[:200]
    return f"process {process} (`{said}`)" if said else f"process {process}"
