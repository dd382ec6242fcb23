"""What a decision is made from, what is remembered, what it consists of. Immutable, pure.

`decide(snapshot, policy, now)` reads nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from delivery.brain.counts import NOTHING, Counts
from delivery.brain.events import Event
from delivery.brain.ladder import Step, ladder
from delivery.brain.marks import Mark
from delivery.brain.plan import Plan
from delivery.brain.rests import Member
from delivery.brain.rules import Rules
from delivery.brain.schedules import Schedule, load_schedules
from delivery.brain.scoring import Score
from delivery.brain.stages import Failure
from delivery.brain.throttle import Pace
from delivery.brain.warmup import Warmth
from delivery.model import Path
from fleet.catalogue import Catalogue, Isp


@dataclass(frozen=True, slots=True)
class Listing:
    """An address found on a DNS blocklist."""

    zone: str
    """As zen.spamhaus.org."""
    major: bool
    """Whether large receivers refuse by it."""


@dataclass(frozen=True, slots=True)
class PathSeen:
    """What happened on one path; scores look only at what came after its last return from a rest."""

    since_change: Counts = NOTHING
    recent_since_change: Counts = NOTHING
    """Of these the last two minutes."""
    recent: Counts = NOTHING
    """Of the last two minutes."""
    hour: Counts = NOTHING
    day: Counts = NOTHING
    """Of the last 24 hours, for the score."""
    week: Counts = NOTHING
    """Of the last 7 days, for the score."""
    since_return: Counts = NOTHING
    """Since it is on probation."""
    usual: Counts = NOTHING
    """Of the seven days before today."""
    days: Mapping[int, Counts] = field(default_factory=dict)
    """By number of the UTC day: today, and what warm-up has not judged yet."""
    busiest_day: int = 0
    """Attempts on the busiest of the days that count as usual."""
    last_attempt_at: float | None = None
    marks: tuple[Mark, ...] = ()
    queued: int = 0
    """Messages that were refused here, or by this ISP, and wait for another try; new mail is none of them."""
    queued_before: int = 0
    """An hour ago."""
    spam_share: float | None = None


@dataclass(frozen=True, slots=True)
class AddressSeen:
    """What is known of one sending address."""

    pool: str
    age_days: float | None = None
    """Of regular sending, as the environment file vouches for; None without history."""
    day: Counts = NOTHING
    week: Counts = NOTHING
    since_return: Counts = NOTHING
    listings: tuple[Listing, ...] = ()
    present: bool = True
    """Whether its node is in service."""


@dataclass(frozen=True, slots=True)
class PathMemory:
    """What is remembered of a path."""

    known_since: float
    score: Score
    warmth: Warmth
    pace: Pace
    member: Member
    failure: Failure = field(default_factory=Failure)
    rested: bool = False
    """Whether it, or its address, rested at the last decision."""
    flagged_day: int | None = None
    """The last day whose volume was held for its growth."""
    reason: str = ""
    since: float = 0.0
    """When that became the reason."""


@dataclass(frozen=True, slots=True)
class AddressMemory:
    """What is remembered of an address."""

    score: Score
    member: Member


@dataclass(frozen=True, slots=True)
class Memory:
    """All that is remembered from one decision to the next."""

    paths: Mapping[Path, PathMemory] = field(default_factory=dict)
    addresses: Mapping[str, AddressMemory] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()
    """Blocklists that are not believed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment."""

    paths: Mapping[Path, PathSeen]
    addresses: Mapping[str, AddressSeen]
    """Those of all paths."""
    emergencies: frozenset[str] = frozenset()
    """Pools that have lost addresses through no fault of theirs, as with a region."""
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True)
class Policy:
    """By what is decided."""

    catalogue: Catalogue
    schedules: Mapping[str, Schedule] = field(default_factory=load_schedules)
    rules: Rules = field(default_factory=Rules)

    @cached_property
    def ladders(self) -> Mapping[str, tuple[Step, ...]]:
        """The steps towards each ISP of the catalogue."""
        return {name: ladder(isp) for name, isp in self.catalogue.isps.items()}

    def isp(self, name: str) -> Isp:
        """One that left the catalogue counts as any other."""
        return self.catalogue.isps.get(name, self.catalogue.default)

    def steps(self, name: str) -> tuple[Step, ...]:
        return self.ladders[self.isp(name).isp]

    def schedule(self, isp: str, begun: str = "") -> Schedule:
        """The one a path goes by: that it has begun, as long as there is one of that name."""
        if begun in self.schedules:
            return self.schedules[begun]
        return self.schedules[self.rules.warmup.schedules[self.isp(isp).temperament]]


@dataclass(frozen=True, slots=True)
class Decision:
    """What holds from now on, what to remember, and what to tell."""

    plan: Plan
    memory: Memory
    events: tuple[Event, ...]


def path_name(path: Path) -> str:
    return f"{path.address} at {path.isp}"
