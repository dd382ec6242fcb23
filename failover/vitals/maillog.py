"""How much mail an instance takes in, counted in its own log as it grows."""

import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

WINDOW_SECONDS = 600
"""A rate is measured over this time."""
MOST_BYTES = 4 * 1024 * 1024
"""Read at most at once; what is left is counted next time."""
_TAKEN = re.compile(rb"/cleanup\[\d+\]: [0-9A-Za-z]{6,20}: message-id=(?!<canary\.)")
"""Not the messages by which nodes try their instances (`fleet.canary`)."""


class Rate:
    """Messages that one instance took in; call `look` every few seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._inode: int | None = None
        self._offset = 0
        self._tail = b""
        self._begun: float | None = None
        self._minutes: deque[tuple[int, int]] = deque()
        """(minute, messages in it), the oldest first."""

    def look(self, now: float) -> None:
        """Count what has been written since; at first only note where the file ends. `now`: seconds."""
        taken = sum(len(_TAKEN.findall(part)) for part in self._new())
        minute = int(now // 60)
        if self._minutes and self._minutes[-1][0] == minute:
            taken += self._minutes.pop()[1]
        self._minutes.append((minute, taken))
        while self._minutes[0][0] < minute - WINDOW_SECONDS // 60:
            self._minutes.popleft()
        if self._begun is None:
            self._begun = now

    def messages_per_hour(self, now: float) -> int | None:
        """Of the last whole window; None before there was one."""
        if self._begun is None or now - self._begun < WINDOW_SECONDS:
            return None
        minute = int(now // 60)
        taken = sum(count for at, count in self._minutes if at > minute - WINDOW_SECONDS // 60)
        return taken * (3600 // WINDOW_SECONDS)

    def _new(self) -> Iterator[bytes]:
        """What the file has gained, in whole lines; all of it when it is another file."""
        try:
            with self._file.open("rb") as file:
                found = os.fstat(file.fileno())
                if self._inode is None:
                    self._inode, self._offset = found.st_ino, found.st_size
                elif found.st_ino != self._inode or found.st_size < self._offset:
                    self._inode, self._offset, self._tail = found.st_ino, 0, b""
                file.seek(self._offset)
                data = file.read(MOST_BYTES)
        except OSError:
            return
        self._offset += len(data)
        whole, newline, rest = (self._tail + data).rpartition(b"\n")
        self._tail = rest[-MOST_BYTES:]
        yield whole + newline
