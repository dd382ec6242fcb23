"""A note on disk of the fault that is in the world now, so that a killed drill is cleaned up after."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast, get_args

from drills.protocols import FaultKind


@dataclass(frozen=True, slots=True)
class OpenFault:
    """A fault that was about to be injected and is not known to be healed."""

    kind: FaultKind
    victim: str


class FaultJournal:
    """Holds at most one open fault in the file `path`; every write is durable before the world is touched."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, fault: OpenFault) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        with fresh.open("w") as stream:
            json.dump(asdict(fault), stream)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self._path)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)

    def pending(self) -> OpenFault | None:
        """The fault an earlier run left open, or None. A damaged note counts as none: it names nothing."""
        try:
            stored = json.loads(self._path.read_text())
            kind, victim = stored["kind"], stored["victim"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if kind not in get_args(FaultKind) or not isinstance(victim, str):
            return None
        return OpenFault(cast(FaultKind, kind), victim)
