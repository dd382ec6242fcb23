"""What happened to each message at the simulated providers: an append-only file of JSON lines.

One line for each message that was accepted, rejected for good or deferred, with the keys of `Event`. A line
is handed to the kernel before the client sees the reply, so the file never knows less than the client.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["accepted", "rejected", "deferred"]
LEDGER_HEADER = "X-Ledger-Id"
_LEDGER_ID = re.compile(rb"^x-ledger-id:[ \t]*([!-~]+)", re.IGNORECASE | re.MULTILINE)
_SEARCHED_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Event:
    """One outcome. `at` is Unix time in seconds; `ledger_id` is "" when no message with one was seen.

    `authentication` holds what verification found, None for messages that were only counted.
    """

    at: float
    outcome: Outcome
    provider: str
    source: str
    helo: str
    tls: str | None
    sender: str
    recipients: tuple[str, ...]
    ledger_id: str
    message_bytes: int
    reply: str
    authentication: Mapping[str, object] | None = None


class EventFile:
    """Appends events; one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, event: Event) -> None:
        """Write one line."""
        os.write(self._file, json.dumps(asdict(event), separators=(",", ":")).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read_events(path: Path) -> Iterator[Event]:
    """Every complete line of an event file; nothing when it does not exist (yet)."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                fields = json.loads(line)
                fields["recipients"] = tuple(fields["recipients"])
                yield Event(**fields)


def ledger_id(content: bytes) -> str:
    """The id a test message carries in its header; "" without one."""
    head = content[: min(content.find(b"\r\n\r\n") + 2 or _SEARCHED_BYTES, _SEARCHED_BYTES)]
    match = _LEDGER_ID.search(head)
    return match[1].decode("ascii") if match else ""
