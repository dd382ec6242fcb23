"""A snapshot from tallies and from what else is known of the world. Reads tallies, changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from delivery.brain.counts import Counts
from delivery.brain.model import AddressSeen, Listing, Memory, PathMemory, PathSeen, Policy, Snapshot
from delivery.brain.rests import Member, Service
from delivery.brain.tallies import DAY, HOUR, MINUTE, Subject, Tallies, Tally
from delivery.model import Path

RECENT_MINUTES = 2
DAY_HOURS, WEEK_HOURS = 24, 7 * 24


@dataclass(frozen=True, slots=True)
class Address:
    """A sending address of the fleet."""

    address: str
    pool: str
    age_days: float | None = None
    listings: tuple[Listing, ...] = ()
    present: bool = True


@dataclass(frozen=True, slots=True)
class Waiting:
    """Refused messages that wait for another try at one path's ISP, now and an hour ago."""

    now: int = 0
    before: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """What tallies do not tell."""

    addresses: tuple[Address, ...]
    waiting: Mapping[Path, Waiting] = field(default_factory=dict)
    spam_shares: Mapping[Path, float] = field(default_factory=dict)
    emergencies: frozenset[str] = frozenset()


def observe(
    tallies: Tallies,
    world: World,
    memory: Memory,
    policy: Policy,
    now: float,
    isps: Iterable[str] | None = None,
) -> Snapshot:
    """One moment of every address towards every ISP of the catalogue, or towards `isps`."""
    names = sorted(policy.catalogue.isps if isps is None else isps)
    addresses, paths = {}, {}
    for one in world.addresses:
        addresses[one.address] = _address(tallies, one, memory, now)
        for name in names:
            path = Path(one.address, name)
            paths[path] = _path(tallies, path, world, memory.paths.get(path), policy, now)
    return Snapshot(paths, addresses, world.emergencies, memory)


def _address(tallies: Tallies, one: Address, memory: Memory, now: float) -> AddressSeen:
    tally = tallies.of(Subject(address=one.address))
    was = memory.addresses.get(one.address)
    returned_at = None if was is None else _returned_at(was.member)
    week = _hours(tally, WEEK_HOURS, returned_at, now)
    return AddressSeen(
        pool=one.pool,
        age_days=one.age_days,
        day=_hours(tally, DAY_HOURS, returned_at, now),
        week=week,
        since_return=week,
        listings=one.listings,
        present=one.present,
    )


def _path(
    tallies: Tallies, path: Path, world: World, was: PathMemory | None, policy: Policy, now: float
) -> PathSeen:
    tally, waiting = tallies.of_path(path), world.waiting.get(path, Waiting())
    returned_at = None if was is None else _returned_at(was.member)
    lowered_at = None if was is None else was.pace.lowered_at
    rules, today = policy.rules, int(now // DAY)
    judged = today - 1 if was is None else was.warmth.judged_day
    week = _hours(tally, WEEK_HOURS, returned_at, now)
    return PathSeen(
        since_change=tally.after_minute_of(lowered_at, rules.throttle.window_minutes, now),
        recent_since_change=tally.after_minute_of(lowered_at, RECENT_MINUTES, now),
        recent=tally.last(MINUTE, RECENT_MINUTES, now),
        hour=tally.last(MINUTE, 60, now),
        day=_hours(tally, DAY_HOURS, returned_at, now),
        week=week,
        since_return=week,
        usual=tally.between(DAY, today - 7, today - 1),
        days={day: counts for day, counts in tally.buckets[DAY].items() if judged < day <= today},
        busiest_day=tally.busiest_day_attempts(rules.growth.usual_days, now),
        last_attempt_at=tally.last_attempt_at,
        marks=tuple(tallies.marks.get(path, {}).values()),
        queued=waiting.now,
        queued_before=waiting.before,
        spam_share=world.spam_shares.get(path),
    )


def _returned_at(member: Member) -> float | None:
    """When it last came back from a rest: what was before has had its answer."""
    back = member.service is Service.PROBATION or (member.service is Service.ACTIVE and member.rests)
    return member.since if back else None


def _hours(tally: Tally, hours: int, returned_at: float | None, now: float) -> Counts:
    """The last hours, only whole ones begun after `returned_at`."""
    first = int(now // HOUR) - hours + 1
    if returned_at is not None:
        first = max(first, int(returned_at // HOUR) + 1)
    return tally.between(HOUR, first, int(now // HOUR))
