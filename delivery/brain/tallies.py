"""Rolling counts of attempts and complaints, by path, address, ISP and pool, in bounded memory.

Minutes are kept for two hours, hours for 30 days, days (UTC) for 31. The recorder changes; what it gives out
does not. Nothing here reads a clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from delivery.brain.counts import NOTHING, Counts, counts_of, total
from delivery.brain.marks import Mark, mark_of, newest
from delivery.model import Attempt, Path

MINUTE, HOUR, DAY = 60, 3600, 86_400
KEPT = {MINUTE: 120, HOUR: 30 * 24, DAY: 31}
"""How many buckets of each width, in seconds, are kept."""
MOST_AHEAD_SECONDS = 300.0
"""What claims to have happened later than this after now was dated by a clock that is wrong."""


class Subject(NamedTuple):
    """Whom counts are about; what is None is not told apart."""

    address: str | None = None
    isp: str | None = None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """A recipient called a message spam; the report may not tell which address it left from."""

    at: float
    """When it was reported."""
    pool: str
    isp: str
    address: str | None = None


@dataclass(slots=True)
class Tally:
    """Counts about one subject, in buckets by width and number (seconds since 1970 over the width)."""

    buckets: dict[int, dict[int, Counts]] = field(default_factory=lambda: {width: {} for width in KEPT})
    last_attempt_at: float | None = None

    def add(self, at: float, counts: Counts, now: float) -> None:
        for width, kept in KEPT.items():
            found, number, first = self.buckets[width], int(at // width), int(now // width) - kept + 1
            if number >= first:
                found[number] = found.get(number, NOTHING) + counts
            if len(found) > kept:
                self.buckets[width] = {key: value for key, value in found.items() if key >= first}
        if counts.attempts:
            self.last_attempt_at = max(at, self.last_attempt_at or at)

    def between(self, width: int, first: int, last: int) -> Counts:
        """The sum of the buckets numbered `first` to `last`, both included."""
        found = self.buckets[width]
        return total(counts for number, counts in found.items() if first <= number <= last)

    def last(self, width: int, count: int, now: float) -> Counts:
        """The last `count` buckets, the running one included."""
        number = int(now // width)
        return self.between(width, number - count + 1, number)

    def after_minute_of(self, at: float | None, most_minutes: int, now: float) -> Counts:
        """Whole minutes begun after `at`, at most the last `most_minutes`; all of those without `at`."""
        first = int(now // MINUTE) - most_minutes + 1
        if at is not None:
            first = max(first, int(at // MINUTE) + 1)
        return self.between(MINUTE, first, int(now // MINUTE))

    def day(self, back: int, now: float) -> Counts:
        """The UTC day `back` days ago; 0 is today."""
        number = int(now // DAY) - back
        return self.buckets[DAY].get(number, NOTHING)

    def busiest_day_attempts(self, days: int, now: float) -> int:
        """Attempts on the busiest of the `days` days before today."""
        today = int(now // DAY)
        spans = ((number, counts) for number, counts in self.buckets[DAY].items())
        return max((one.attempts for number, one in spans if today - days <= number < today), default=0)


class Tallies:
    """The recorder. A subject that nobody asks for is made on its first count only."""

    def __init__(self) -> None:
        self.by_subject: dict[Subject, Tally] = {}
        self.marks: dict[Path, dict[str, Mark]] = {}
        """By rule: the latest refusal that asks for more than a retry."""

    def record(self, attempt: Attempt, now: float, times: int = 1) -> None:
        """Count `attempt`, or `times` like it. One dated from the future is not counted."""
        counts = counts_of(attempt, times)
        if counts is NOTHING or attempt.at > now + MOST_AHEAD_SECONDS:
            return
        for subject in subjects(attempt.path.address, attempt.path.isp, attempt.pool):
            self._tally(subject).add(attempt.at, counts, now)
        if (mark := mark_of(attempt)) is not None:
            self.marks[attempt.path] = newest(self.marks.get(attempt.path, {}), mark)

    def complain(self, complaint: Complaint, now: float, times: int = 1) -> None:
        if complaint.at > now + MOST_AHEAD_SECONDS:
            return
        for subject in subjects(complaint.address, complaint.isp, complaint.pool):
            self._tally(subject).add(complaint.at, Counts(complaints=times), now)

    def of(self, subject: Subject) -> Tally:
        """What is known of a subject; an empty tally, not kept, when nothing is."""
        return self.by_subject.get(subject) or Tally()

    def of_path(self, path: Path) -> Tally:
        return self.of(Subject(address=path.address, isp=path.isp))

    def forget(self, now: float) -> None:
        """Drop subjects and marks that are older than all that is kept."""
        horizon = int(now // DAY) - KEPT[DAY]
        for subject, tally in list(self.by_subject.items()):
            if all(number <= horizon for number in tally.buckets[DAY]):
                del self.by_subject[subject]
        for path, marks in list(self.marks.items()):
            kept = {rule: mark for rule, mark in marks.items() if mark.at // DAY > horizon}
            self.marks[path] = kept
            if not kept:
                del self.marks[path]

    def _tally(self, subject: Subject) -> Tally:
        return self.by_subject.setdefault(subject, Tally())

    @classmethod
    def of_parts(cls, by_subject: dict[Subject, Tally], marks: dict[Path, dict[str, Mark]]) -> Self:
        made = cls()
        made.by_subject, made.marks = by_subject, marks
        return made


def subjects(address: str | None, isp: str, pool: str) -> Iterator[Subject]:
    """All whom something about this address, ISP and pool concerns."""
    yield Subject(isp=isp)
    yield Subject(pool=pool)
    yield Subject(isp=isp, pool=pool)
    if address is not None:
        yield Subject(address=address)
        yield Subject(address=address, isp=isp)
