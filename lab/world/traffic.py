"""What one provider remembers of its clients: open connections, messages a minute and a day.

Pure; time is passed in.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

SECONDS_PER_MINUTE = 60
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider allows one source address over all its domains and exchangers together.

    With `connections_per_fleet`, connections are those of all sources together.
    """

    connections: int
    connections_per_fleet: bool
    messages_per_connection: int
    messages_per_minute: int | None
    tls_required: bool


class Window:
    """Counts events per key in consecutive windows of fixed length."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._number = -1
        self._counts: Counter[str] = Counter()

    def add(self, key: str, now: float) -> int:
        """Count one event; returns how many the key has in the present window, this one included."""
        number = int(now // self._seconds)
        if number != self._number:
            self._number = number
            self._counts.clear()
        self._counts[key] += 1
        return self._counts[key]


class Traffic:
    """Counts one provider's clients and objects when a limit is passed.

    `allowance` gives a source address's own messages per minute, or None when it has no special one;
    established addresses have the catalogue's.
    """

    def __init__(self, limits: Limits, allowance: Callable[[str, float], int | None]) -> None:
        self.limits = limits
        self._allowance = allowance
        self._open: Counter[str] = Counter()
        self._minute = Window(SECONDS_PER_MINUTE)
        self._day = Window(SECONDS_PER_DAY)

    @property
    def open_connections(self) -> int:
        """Connections open now, over all sources."""
        return self._open.total()

    def connect(self, source: str) -> bool:
        """Admit and count a new connection until `disconnect`; False when the source has too many."""
        count = self._open.total() if self.limits.connections_per_fleet else self._open[source]
        if count >= self.limits.connections:
            return False
        self._open[source] += 1
        return True

    def disconnect(self, source: str) -> None:
        """Forget one connection of this source."""
        self._open[source] -= 1
        if self._open[source] <= 0:
            del self._open[source]

    def message(self, source: str, now: float) -> str | None:
        """Count a message begun; `fresh` or `rate` when the source is beyond what it may send this minute."""
        count = self._minute.add(source, now)
        allowance = self._allowance(source, now)
        if allowance is not None and count > allowance:
            return "fresh"
        limit = self.limits.messages_per_minute
        return "rate" if limit is not None and count > limit else None

    def domain_messages_today(self, domain: str, now: float) -> int:
        """Count a message by its From domain; returns today's number, this one included."""
        return self._day.add(domain, now)
