"""What this node's daemon did and was ordered, newest last, out of its events file.

Each entry says who (`by`: the person whose order it was, else the daemon itself), what (`kind`, `node`,
`pool`, `scope`), why (`reason`), and, where something was changed, `before` and `after`.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ACTS = frozenset(
    {
        "start",
        "stop",
        "down",
        "up",
        "held",
        "weight",
        "haproxy_set",
        "haproxy_weight",
        "haproxy_cut",
        "dns_update",
        "lease",
        "view",
        "maintenance",
    }
)
"""Kinds of events that changed something, or were ordered; the others are evidence."""
MOST_ENTRIES = 1_000


def read_history(
    file: Path, *, since: float = 0.0, limit: int = 100, node: str | None = None, everything: bool = False
) -> list[dict[str, Any]]:
    """The last `limit` entries at or after `since` (seconds since 1970), about `node` alone if it is given.

    `everything` takes evidence along: suspicions, doubts, troubles. A file that is not there, or a line that
    was cut short, is left out.
    """
    found = (
        _entry(event)
        for event in _events(file)
        if event.get("at", 0) >= since
        and (everything or event.get("kind") in ACTS)
        and (node is None or event.get("node") == node)
    )
    return list(deque(found, maxlen=min(limit, MOST_ENTRIES)))  # never more of the file than that in memory


def merged(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Several nodes' entries in one list, by time; each bears the node whose daemon says so in `observer`."""
    entries = [{"observer": name, **one} for name, found in histories.items() for one in found]
    return sorted(entries, key=lambda one: (float(one.get("at", 0)), str(one["observer"])))


def _events(file: Path) -> Iterator[dict[str, Any]]:
    """The file before this one, then this one."""
    for part in (file.with_name(f"{file.name}.1"), file):
        try:
            with part.open(encoding="utf-8", errors="replace") as lines:
                yield from _parsed(lines)
        except OSError:
            continue


def _parsed(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _entry(event: dict[str, Any]) -> dict[str, Any]:
    observer = str(event.get("observer", ""))
    entry = {key: value for key, value in event.items() if key != "monotonic"}
    return {"by": f"the daemon of {observer}", **entry}
