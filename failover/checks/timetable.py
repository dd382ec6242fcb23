"""When each slow check is due: the same on each start, and never two looks at one target at once. Pure."""

from collections.abc import Sequence
from hashlib import sha256

from failover.checks.board import Check

TARGET_SECONDS = 1.0
"""Between two looks of this node at one target."""
FIRST_SECONDS = 30.0
"""Within this time of the start, or of one interval, each check is made once."""


def share(*words: str) -> float:
    """A number from 0 up to 1, spread evenly, and the same for the same words on all machines."""
    return int.from_bytes(sha256(" ".join(words).encode()).digest()[:8], "big") / 2**64


class Timetable:
    """`due` gives the checks to begin now and plans their next look; time is passed in, in seconds."""

    def __init__(self, observer: str, checks: Sequence[Check], now: float) -> None:
        self._checks = checks
        self._next_at = [
            now + share(observer, one.name) * min(FIRST_SECONDS, one.interval_seconds) for one in checks
        ]
        self._target_free_at: dict[str, float] = {}
        self._busy: set[int] = set()

    def due(self, now: float) -> list[tuple[int, Check]]:
        """Checks to begin now, with the number to give to `done` when they have ended."""
        found = []
        for number in sorted(range(len(self._checks)), key=lambda one: self._next_at[one]):
            check = self._checks[number]
            if self._next_at[number] > now:
                break
            if number in self._busy or self._target_free_at.get(check.target, now) > now:
                continue
            self._target_free_at[check.target] = now + TARGET_SECONDS
            self._next_at[number] = max(self._next_at[number] + check.interval_seconds, now + TARGET_SECONDS)
            self._busy.add(number)
            found.append((number, check))
        return found

    def done(self, number: int) -> None:
        """A look has ended: the next one may begin when it is due."""
        self._busy.discard(number)
