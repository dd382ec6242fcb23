"""Who holds a stack's lock. The engine keeps one as a small file beside the state for as long as it works."""

import json
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infra.recovery.model import RecoveryError
from infra.recovery.stores import store_of

ENGINE = "pulumi"
_ENDED = frozenset("ZX")
"""States of a process that is none any more, by the system's letters."""


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock: the process that took it, whose, on which computer, and when (as the engine wrote it).

    `key` is its file's in the store, `text` what that says.
    """

    process: int
    user: str
    computer: str
    since: str
    key: str = ""
    text: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.computer} (process {self.process}, since {self.since})"

    @property
    def here(self) -> bool:
        return self.computer == socket.gethostname()

    @property
    def at_work(self) -> bool:
        """Whether its process is an engine that lives, on this computer."""
        return self.here and _is_engine(self.process)


def locks_of(backend: str, project: str, stack: str) -> tuple[Lock, ...]:
    """The locks of a stack in a backend (a URL); none where this cannot look: the engine says so then."""
    store = store_of(backend)
    if store is None:
        return ()
    keys = [key for key in store.listed() if _is_of(PurePosixPath(key), project, stack)]
    texts = {key: store.read(key) for key in sorted(keys)}
    return tuple(_read(key, text) for key, text in texts.items() if text is not None)  # else given back


def drop(backend: str, locks: Iterable[Lock]) -> None:
    """Remove these locks and no other, each only while it says what it said when it was judged.

    The engine's own `cancel` would remove whatever lies there by then. RecoveryError for one that was
    changed.
    """
    store = store_of(backend)
    for lock in locks:
        now = store.read(lock.key) if store is not None else None
        if store is None or now is None:
            continue
        if now != lock.text:
            raise RecoveryError(f"the lock {lock.key} changed while it was looked at: run it again")
        store.remove(lock.key)


def _is_of(path: PurePosixPath, project: str, stack: str) -> bool:
    """`.../organization/PROJECT/STACK/ID.json`, or without the project as old backends have it."""
    parts = path.parts
    if path.suffix != ".json" or len(parts) < 2 or parts[-2] != stack:
        return False
    return len(parts) < 4 or parts[-3] in {project, "locks"}


def _read(key: str, text: str) -> Lock:
    try:
        told = json.loads(text)
        since = str(told["timestamp"])[:19]
        return Lock(int(told["pid"]), str(told["username"]), str(told["hostname"]), since, key, text)
    except (ValueError, KeyError, TypeError):
        return Lock(0, "unknown", "unknown", "an unknown time", key, text)


def _is_engine(process: int) -> bool:
    """Whether an engine lives under this number; one that ended and was not waited for yet does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # without such a table what lives counts as the engine
    except OSError:
        return True
    name, state = told.partition("(")[2].rpartition(")")[::2]
    return name == ENGINE and state.split()[0] not in _ENDED
