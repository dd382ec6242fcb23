"""Following the simulated providers' record of messages while it is written."""

import json
from pathlib import Path
from typing import BinaryIO


class Arrivals:
    """Counts what arrives of one run, from the moment this is made."""

    def __init__(self, events: Path, run: str) -> None:
        self._file: BinaryIO | None = None
        self._events = events
        self._prefix = f"{run}-"
        self._rest = b""
        self._offset = events.stat().st_size if events.exists() else 0
        self.delivered: set[str] = set()
        self.bounced: set[str] = set()
        self.deferrals = 0
        self.copies = 0
        self.verified = 0
        self.authenticated = 0
        self.last_at = 0.0

    def read(self) -> int:
        """Take in what is new; returns how many messages have come to their end so far."""
        if self._file is None:
            if not self._events.exists():
                return 0
            self._file = self._events.open("rb")
            self._file.seek(self._offset)
        lines = (self._rest + self._file.read()).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self._prefix.encode() in line:
                self._count(json.loads(line))
        return len(self.delivered | self.bounced)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _count(self, event: dict[str, object]) -> None:
        recipients = event["recipients"]
        mailbox = str(recipients[0]) if isinstance(recipients, list) and recipients else ""
        ledger_id = str(event["ledger_id"]) or mailbox.rpartition("@")[0].partition(".")[2]
        if not ledger_id.startswith(self._prefix):
            return
        match event["outcome"]:
            case "accepted":
                self.copies += ledger_id in self.delivered
                self.delivered.add(ledger_id)
                self.last_at = max(self.last_at, float(str(event["at"])))
                self._note(event["authentication"])
            case "rejected":
                self.bounced.add(ledger_id)
            case _:
                self.deferrals += 1

    def _note(self, found: object) -> None:
        if isinstance(found, dict):
            self.verified += 1
            self.authenticated += bool(found["spf_aligned"] or found["dkim_aligned"])
