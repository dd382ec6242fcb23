"""What a node finds failing on others, as it goes with its heartbeats. Pure.

    {"down": ["@east", "west-1", "west-2 entry orders"], "entries": true, "partial": false}

The words are those of `failover.decide.vantage`. A node in doubt says nothing: an empty body. What would not
fit into a datagram is left out, and `partial` says so; regions and nodes go before single members.
"""

import json
from typing import Any

from failover.decide import Statement

MOST_BYTES = 360
"""With a report, the head and the longest name it stays below `failover.heartbeat.MAXIMUM_BYTES`."""
_KEYS = {"down", "entries", "partial"}


def encode_statement(statement: Statement | None) -> bytes:
    """At most MOST_BYTES."""
    if statement is None:
        return b""
    words = sorted(statement.down, key=lambda word: (" " in word, not word.startswith("@"), word))
    fitting = words
    while len(body := _body(fitting, statement, partial=len(fitting) < len(words))) > MOST_BYTES:
        fitting = fitting[:-1]
    return body


def decode_statement(body: bytes) -> Statement | None:
    """What a body says; None when it says nothing, or is malformed in any part. Never raises."""
    if not body or len(body) > MOST_BYTES:
        return None
    try:
        value: Any = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not value.keys() >= _KEYS:
        return None
    down, entries, partial = value["down"], value["entries"], value["partial"]
    if not isinstance(down, list) or not isinstance(entries, bool) or not isinstance(partial, bool):
        return None
    if not all(isinstance(word, str) and word and word.isprintable() for word in down):
        return None
    return Statement(frozenset(down), entries, partial)


def _body(words: list[str], statement: Statement, *, partial: bool) -> bytes:
    told = {"down": words, "entries": statement.entries, "partial": partial or statement.partial}
    return json.dumps(told, separators=(",", ":")).encode()
