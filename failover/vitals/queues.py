"""Postfix's queues, counted by the names of their files: nothing is opened, little is asked of the disk."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")
MOST_LOOKED_AT = 2_000
"""Files in `incoming` whose state is asked for; their names tell which are the oldest."""


class Queue(NamedTuple):
    waiting: int
    untaken_seconds: int
    """For how long the oldest complete message in `incoming` has been due to be taken up."""


def read_queues(spools: Path, wall: float) -> dict[str, Queue]:
    """Every instance's queue by its name; `wall` is now, in seconds since 1970."""
    return {
        spool.name.removeprefix("postfix-"): read_queue(spool, wall)
        for spool in sorted(spools.glob("postfix-*"))
    }


def read_queue(spool: Path, wall: float) -> Queue:
    """The queue below `spool`; what vanishes meanwhile was taken up."""
    waiting = sum(1 for queue in QUEUES for _ in _files(spool / queue))
    # Long queue names begin with the time of arrival, in digits that sort like their values.
    oldest = sorted(_files(spool / "incoming"), key=os.path.basename)[:MOST_LOOKED_AT]
    since = min((at for path in oldest if (at := _due_since(Path(path))) is not None), default=wall)
    return Queue(waiting, max(0, int(wall - since)))


def _due_since(path: Path) -> float | None:
    """None while the message is not complete. A time to come is Postfix's own: not to be tried before."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime if found.st_mode & stat.S_IXUSR else None


def _files(directory: Path) -> Iterator[str]:
    waiting = [os.fspath(directory)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.path
        except OSError:
            continue
