"""When a line was written, in each of the ways in which Postfix's lines are stamped.

`Nov 23 22:30:35` (syslog and maillog_file; no year, local time), the same with a fraction (journalctl
-o short-precise), `2026-11-23T22:30:35.123456+00:00` and its relatives (RFC 3339, rsyslog, journalctl -o
short-iso), `1795473035.123456` (journalctl -o short-unix).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_DAY_SECONDS = 86_400
_MOST_MINUTES = 1_000


class Stamps:
    """Reads stamps; remembers the minutes it has met, since lines come in bursts."""

    def __init__(self, now: float, zone: tzinfo = UTC) -> None:
        self.now = now
        """No line is from later than a day after this: it tells the year where a stamp has none."""
        self._zone = zone
        self._minutes: dict[str, float] = {}

    def read(self, stamp: str) -> float | None:
        """Seconds since 1970; None when it is no stamp."""
        try:
            if stamp[0].isdigit():
                return self._iso(stamp) if stamp[4:5] == "-" else float(stamp)
            return self._minute(stamp[:12], self._syslog) + float(stamp[13:])
        except (ValueError, IndexError, KeyError, OverflowError):
            return None

    def _minute(self, text: str, read: Callable[[str], float]) -> float:
        found = self._minutes.get(text)
        if found is None:
            if len(self._minutes) >= _MOST_MINUTES:
                self._minutes.clear()
            found = self._minutes[text] = read(text)
        return found

    def _syslog(self, text: str) -> float:
        """`Nov 23 22:30`: of this year, or of the last one when that would be still to come."""
        month, day = _MONTHS[text[:3]], int(text[4:6])
        hour, minute = int(text[7:9]), int(text[10:12])
        year = datetime.fromtimestamp(self.now, self._zone).year
        for candidate in (year + 1, year, year - 1, year - 2, year - 3, year - 4):
            try:
                at = datetime(candidate, month, day, hour, minute, tzinfo=self._zone).timestamp()
            except ValueError:
                continue  # 29 February
            if at <= self.now + _DAY_SECONDS:
                return at
        raise ValueError(text)

    def _iso(self, stamp: str) -> float:
        if stamp[-1] == "Z":
            return self._minute(stamp[:16], _iso_minute) + float(stamp[17:-1])
        sign = max(stamp.rfind("+"), stamp.rfind("-", 11))
        if sign < 0:
            raise ValueError(stamp)
        return self._minute(stamp[:16] + stamp[sign:], _iso_minute) + float(stamp[17:sign])


def _iso_minute(text: str) -> float:
    """`2026-11-23T22:30` with `+01:00`, `+0100`, `+01` or nothing behind it."""
    ahead = text[16:].replace(":", "")
    minutes = int(ahead[1:3]) * 60 + int(ahead[3:5] or 0) if ahead else 0
    offset = timedelta(minutes=-minutes if ahead.startswith("-") else minutes)
    return datetime.fromisoformat(text[:16]).replace(tzinfo=timezone(offset)).timestamp()
