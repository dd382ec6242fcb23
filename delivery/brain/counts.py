"""What happened to a number of attempts, and the shares that decisions are made from. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from delivery.model import Attempt, Category, Outcome

PRESSURE = frozenset({Category.RATE, Category.CONNECTIONS, Category.REPUTATION})
"""Deferrals that speak of our pace or our name; all others are about one recipient or the receiver itself."""
INVALID = frozenset({Category.UNKNOWN_RECIPIENT})
"""Bounces that say the list is bad."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Attempts by outcome; waits are in none of them."""

    delivered: int = 0
    deferred: Mapping[Category, int] = field(default_factory=dict)
    bounced: Mapping[Category, int] = field(default_factory=dict)
    complaints: int = 0
    """Reported by the receiver's people; no attempts."""

    @property
    def attempts(self) -> int:
        return self.delivered + sum(self.deferred.values()) + sum(self.bounced.values())

    @property
    def answered(self) -> int:
        """Attempts to which the receiver said something: a broken network is nobody's opinion of us."""
        return self.attempts - self.deferred.get(Category.NETWORK, 0) - self.bounced.get(Category.NETWORK, 0)

    @property
    def pressure(self) -> int:
        """Deferrals about our pace or our name."""
        return sum(count for category, count in self.deferred.items() if category in PRESSURE)

    @property
    def blocks(self) -> int:
        """Refusals of the address or the domain as a whole, for now or for good."""
        return self.deferred.get(Category.BLOCK, 0) + self.bounced.get(Category.BLOCK, 0)

    @property
    def invalid(self) -> int:
        """Bounces for recipients that do not exist."""
        return sum(count for category, count in self.bounced.items() if category in INVALID)

    @property
    def pressure_share(self) -> float:
        return _share(self.pressure, self.answered)

    @property
    def block_share(self) -> float:
        return _share(self.blocks, self.answered)

    @property
    def bounce_share(self) -> float:
        return _share(self.invalid, self.answered)

    @property
    def complaint_share(self) -> float:
        """Of what was delivered; complaints may come days after the mail, hence at most 1."""
        return min(1.0, _share(self.complaints, self.delivered))

    @property
    def delivered_share(self) -> float:
        """Of all that was answered; 1 when nothing was."""
        return _share(self.delivered, self.answered) if self.answered else 1.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.delivered + other.delivered,
            _sum(self.deferred, other.deferred),
            _sum(self.bounced, other.bounced),
            self.complaints + other.complaints,
        )


NOTHING = Counts()


def category_of(attempt: Attempt) -> Category:
    """What a refusal is about; one that nobody has read is a matter of protocol."""
    if attempt.meaning is not None:
        return attempt.meaning.category
    return Category.NETWORK if attempt.reply is None else Category.PROTOCOL


def counts_of(attempt: Attempt, times: int = 1) -> Counts:
    """One attempt, or `times` like it, as counts; NOTHING for a wait."""
    if attempt.outcome is Outcome.DELIVERED:
        return Counts(delivered=times)
    if attempt.outcome is Outcome.DEFERRED:
        return Counts(deferred={category_of(attempt): times})
    if attempt.outcome is Outcome.BOUNCED:
        return Counts(bounced={category_of(attempt): times})
    return NOTHING


def total(parts: Iterable[Counts]) -> Counts:
    """The sum of many."""
    delivered = complaints = 0
    deferred: dict[Category, int] = {}
    bounced: dict[Category, int] = {}
    for one in parts:
        delivered += one.delivered
        complaints += one.complaints
        for category, count in one.deferred.items():
            deferred[category] = deferred.get(category, 0) + count
        for category, count in one.bounced.items():
            bounced[category] = bounced.get(category, 0) + count
    return Counts(delivered, deferred, bounced, complaints)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _sum(one: Mapping[Category, int], other: Mapping[Category, int]) -> Mapping[Category, int]:
    if not other:
        return one
    if not one:
        return other
    return {key: one.get(key, 0) + other.get(key, 0) for key in (*one, *(k for k in other if k not in one))}
