"""What happened, one JSON line each: on stderr for the journal, in a file for drills, and a few in memory.

Every line holds `at` (wall clock, seconds since 1970), `monotonic` (seconds since boot, comparable between
machines that share a kernel), `observer` (the node that says so), `kind` and a sentence in `reason`; most
also `node` (whom it is about), `pool` and `scope`. Where something was changed there are `before` and
`after`, where a person ordered it `by`. Kinds are `start`, `suspect`, `down`, `up`, `held`, `weight`,
`haproxy_set`, `haproxy_weight`, `haproxy_cut`, `dns_update`, `lease`, `view`, `maintenance`, `vitals`,
`check`, `doubt`, `trouble` and `stop`.
"""

import contextlib
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

KEPT_IN_MEMORY = 50
MOST_FILE_BYTES = 4 * 1024 * 1024
REPEAT_SECONDS = 10.0
"""A repeated suspicion or trouble about the same thing is written once in this time."""
RETRY_SECONDS = 60.0
_REPEATABLE = frozenset({"suspect", "trouble", "doubt"})


class Events:
    """Writes events; losing the file never stops the daemon."""

    def __init__(
        self,
        observer: str,
        file: Path | None,
        stream: TextIO = sys.stderr,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._observer, self._stream, self._clock, self._wall = observer, stream, clock, wall
        self._last: dict[tuple[object, ...], float] = {}
        self.recent: deque[dict[str, Any]] = deque(maxlen=KEPT_IN_MEMORY)
        self._path = file
        self._retry_at = float("-inf")
        self._file: TextIO | None = None
        self._file = self._open(file) if file else None

    def write(self, kind: str, reason: str, **details: Any) -> None:
        """Record one event; `details` are further keys (`node`, `pool`, `scope`, `servers`, ...)."""
        now = self._clock()
        if kind in _REPEATABLE and self._is_repeated(kind, reason, details, now):
            return
        event = {"at": self._wall(), "monotonic": now, "observer": self._observer, "kind": kind, **details}
        event["reason"] = reason
        self.recent.append(event)
        line = json.dumps(event, separators=(",", ":"))
        with contextlib.suppress(OSError):  # the journal may be gone for a moment
            print(line, file=self._stream, flush=True)
        if self._file is None and self._path is not None and now >= self._retry_at:
            self._file = self._open(self._path)
        if self._file is not None:
            try:
                print(line, file=self._file, flush=True)
                self._begin_anew_when_large()
            except OSError as error:
                self._give_up()
                self.write("trouble", f"The events file cannot be written: {error.strerror}.")

    def _give_up(self) -> None:
        """Without the file for a while: a full disk may be cleared."""
        file, self._file = self._file, None
        self._retry_at = self._clock() + RETRY_SECONDS
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def _begin_anew_when_large(self) -> None:
        """Keep the file before this one as `FILE.1`, so that both together stay small."""
        if self._file is None or self._path is None or self._file.tell() < MOST_FILE_BYTES:
            return
        self._file.close()
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._file = self._open(self._path)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self, file: Path) -> TextIO | None:
        self._give_up()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            return file.open("a", encoding="utf-8")
        except OSError as error:
            self.write("trouble", f"The events file {file} cannot be opened: {error.strerror}.")
            return None

    def _is_repeated(self, kind: str, reason: str, details: dict[str, Any], now: float) -> bool:
        about = (kind, *(str(details.get(key)) for key in ("node", "pool", "scope", "primary")))
        about = about if len(details) else (kind, reason)
        last = self._last.get(about)
        if last is not None and now - last < REPEAT_SECONDS:
            return True
        self._last[about] = now
        return False
