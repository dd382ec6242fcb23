"""One run of a kind at a time on an environment, and the exit status of one that was interrupted."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from fleet.errors import MtafleetError
from fleet.paths import state_directory

INTERRUPTED_STATUS = 130
"""As shells have it: 128 and the number of SIGINT."""


class BusyError(MtafleetError):
    """Another run is at work on the same environment."""


@contextmanager
def alone(environment: str, what: str) -> Iterator[None]:
    """Hold off further runs of `what` (a command's name) on `environment` while the block lasts.

    BusyError names the process that runs already. The lock goes with the process, however that ends.
    """
    directory = state_directory(environment)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / f"{what}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise BusyError(
                f"another `mtafleet {what}` is at work on {environment} (process {holder}): "
                "wait until it has ended"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
