"""What was made in a lab, noted in the lab's own memory.

The notes lie in the outer namespace's private /run, so they end with it: a note that can be read
speaks of something made in *this* life of the lab. A note is written last, after its thing is
complete, and removed first.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.outer.namespace import Outer


def write(outer: Outer, kind: str, name: str, data: Mapping[str, Any]) -> None:
    path = _path(outer, kind, name)
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps(data))
    draft.rename(path)


def read(outer: Outer, kind: str, name: str) -> dict[str, Any] | None:
    """The note, or None when there is none (or the lab has just ended)."""
    try:
        data = json.loads(_path(outer, kind, name).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return data if isinstance(data, dict) else None


def remove(outer: Outer, kind: str, name: str) -> None:
    with suppress(FileNotFoundError):
        _path(outer, kind, name).unlink()


def names(outer: Outer, kind: str) -> list[str]:
    """The names of all things of a kind, sorted."""
    return sorted(path.stem for path in (outer.records / kind).glob("*.json"))


def _path(outer: Outer, kind: str, name: str) -> Path:
    return outer.records / kind / f"{name}.json"
