"""Lines of Postfix's log to events, fast: no expression is matched, texts are cut at known marks.

Written for what Postfix 3.7 to 3.10 write, whether it reaches us by `maillog_file`, syslog or the journal.
"""

import time
from collections import Counter
from datetime import UTC, tzinfo

from delivery.logs.bodies import READERS, Reader, trouble
from delivery.logs.events import Event, Origin, Unknown
from delivery.logs.marks import SEVERITIES
from delivery.logs.stamps import Stamps

_TAG_END = "]: "
_LONGEST_HEAD = 500
_SYSLOG_STAMP = 15
_MOST_ORIGINS = 10_000


class LogParser:
    """Keeps what repeats from line to line, and counts what it did not know."""

    def __init__(self, now: float | None = None, zone: tzinfo = UTC) -> None:
        """`now`, seconds since 1970, tells the year where a stamp has none; `zone` is that of such stamps."""
        self._stamps = Stamps(time.time() if now is None else now, zone)
        self._stamp = ""
        self._at = 0.0
        self._origins: dict[str, tuple[Origin, Reader]] = {}
        self.lines = 0
        self.unknown: Counter[str] = Counter()
        """Lines that were not understood, by program; of none, `` (empty)."""

    def parse(self, raw: bytes | str) -> Event:
        """What the line tells; never fails. What is not understood is counted and comes back as Unknown."""
        self.lines += 1
        line = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
        line = line.rstrip("\r\n")
        mark = line.find(_TAG_END, 0, _LONGEST_HEAD)
        if mark < 0:
            return self._lost("", line)
        if line[0] == "<":
            # The priority that some collectors leave before a line.
            cut = line.find(">", 0, 6) + 1
            line, mark = line[cut:], mark - cut
        opening = line.rfind("[", 0, mark)
        end = self._stamp_end(line)
        where = line[end + 1 : opening]
        found = self._origins.get(where) or self._origin(where)
        if found is None or opening < 0:
            return self._lost("", line)
        if line[:end] != self._stamp:
            at = self._stamps.read(line[:end])
            if at is None:
                return self._lost("", line)
            self._stamp, self._at = line[:end], at
        origin, reader = found
        process, text = line[opening + 1 : mark], line[mark + 3 :]
        event = reader(self._at, origin, process, text)
        if event is None or text.startswith(_TROUBLES):
            event = trouble(self._at, origin, process, text) or event
        return self._lost(origin.program, line) if event is None else event

    @property
    def now(self) -> float:
        """Seconds since 1970, as the parser takes it; to be moved on by who lives long."""
        return self._stamps.now

    @now.setter
    def now(self, now: float) -> None:
        self._stamps.now = now

    @staticmethod
    def _stamp_end(line: str) -> int:
        if line[0].isdigit():
            return line.find(" ")
        return (
            _SYSLOG_STAMP if line[_SYSLOG_STAMP : _SYSLOG_STAMP + 1] == " " else line.find(" ", _SYSLOG_STAMP)
        )

    def _origin(self, where: str) -> tuple[Origin, Reader] | None:
        """`HOST TAG`; None when a program that is none of Postfix's wrote it."""
        host, space, tag = where.rpartition(" ")
        instance, _slash, rest = tag.partition("/")
        label, _slash, program = rest.rpartition("/")
        reader = READERS.get(program)
        if not space or " " in host or reader is None:
            return None
        if len(self._origins) >= _MOST_ORIGINS:
            self._origins.clear()
        found = self._origins[where] = Origin(host, instance, label, program), reader
        return found

    def _lost(self, program: str, line: str) -> Unknown:
        self.unknown[program] += 1
        return Unknown(line)


_TROUBLES = tuple(f"{one}: " for one in sorted(SEVERITIES))
