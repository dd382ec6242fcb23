"""What router and front tell: one JSON line each, on stderr for the journal and in a file for others."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_FILE_BYTES = 4 * 1024 * 1024


class Events:
    """Losing the file never stops who writes. `by` is `router` or `front`."""

    def __init__(self, node: str, by: str, file: Path | None, wall: Callable[[], float] = time.time) -> None:
        self._node, self._by, self._path, self._wall = node, by, file, wall

    def write(self, kind: str, reason: str, **details: Any) -> None:
        event = {"at": self._wall(), "node": self._node, "by": self._by, "kind": kind, **details}
        line = json.dumps({**event, "reason": reason}, separators=(",", ":"))
        with suppress(OSError):
            print(line, file=sys.stderr, flush=True)
        if self._path is None:
            return
        with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            if file.tell() > MOST_FILE_BYTES:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
