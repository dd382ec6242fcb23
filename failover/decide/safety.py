"""The safety kernel: what of all that is wished may be done. Pure; stands before every actuator.

Whoever wants a member out of service says so in a `Wish`; here it is granted, or the member is kept and the
reason is said. Wishes are looked at one by one, the weightiest first, so that the few places out of service
go to those who leave least behind:

1. people's overrides, then faults (worst first, among equals those that are out already, then the oldest),
   then maintenance orders, then members that are well but held down;
2. an observer in doubt takes nobody out by its own judgement (people's overrides still count);
3. an address leaves DNS for a failure, and a region a group, only where sites agree that it fails;
4. a group never falls below its floor;
5. failures never take out more than their share of a group, nor, unless it is allowed, all of a region;
6. what still carries mail is not given up while the others could not carry the load.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from failover.decide.faults import Fault
from failover.decide.model import Capacity


class Cause(IntEnum):
    """Who wants a member out; the first has precedence."""

    OVERRIDE = 0
    FAULT = 1
    ORDER = 2
    HOLD = 3


class Wish(NamedTuple):
    """That a member leave service, or stay out of it."""

    node: str
    cause: Cause
    reason: str
    was_in: bool
    fault: Fault | None = None
    since: float = 0.0

    @property
    def rank(self) -> tuple[int, int, bool, float, str]:
        severity = self.fault.severity if self.fault else 0
        return self.cause, -severity, self.was_in, self.since, self.node


@dataclass(frozen=True, slots=True)
class Limits:
    """How far one group's members may be put out of service."""

    least_in_service: int
    most_ejected: int
    doubt: str | None = None
    unagreed: Mapping[str, str] = field(default_factory=dict)
    """Why other sites do not let a failing member leave, by node."""
    sites: Mapping[str, str] = field(default_factory=dict)
    """The region of each node, as far as regions may not be ejected as a whole; others are left out."""
    capacity: Capacity | None = None
    messages_per_hour: float = 0.0
    """The load that must still be carried."""


def floor(members: int, percent: int) -> int:
    """How many of `members` must stay in service: at least one, rounded up."""
    return max(1, -(-members * percent // 100))


def most_ejected(members: int, percent: int) -> int:
    """How many of `members` failures may put out of service at once: rounded down, but one in any case."""
    return max(1, members * percent // 100)


def judge(members: Collection[str], wishes: Iterable[Wish], limits: Limits) -> dict[str, str | None]:
    """For each wish in order of precedence why its member is kept; None when it leaves."""
    ordered = sorted(wishes, key=lambda one: one.rank)
    serving = set(members)
    carrying = serving - {one.node for one in ordered if one.fault is not None and one.fault.serves_nobody}
    ejected = 0
    verdicts: dict[str, str | None] = {}
    for wish in ordered:
        kept = (
            _doubtful(wish, limits)
            or _not_agreed(wish, limits)
            or _too_few(serving, limits)
            or _too_many_ejected(wish, ejected, limits)
            or _whole_region(wish, serving, members, limits)
            or _too_weak(wish, carrying, limits)
        )
        verdicts[wish.node] = kept
        if kept is None:
            serving.discard(wish.node)
            carrying.discard(wish.node)
            ejected += wish.cause is Cause.FAULT
    return verdicts


def _doubtful(wish: Wish, limits: Limits) -> str | None:
    if limits.doubt and wish.was_in and wish.cause is not Cause.OVERRIDE:
        return f"because {limits.doubt}"
    return None


def _not_agreed(wish: Wish, limits: Limits) -> str | None:
    return limits.unagreed.get(wish.node) if wish.cause is Cause.FAULT else None


def _too_few(serving: Collection[str], limits: Limits) -> str | None:
    return "because too few would be left" if len(serving) <= limits.least_in_service else None


def _too_many_ejected(wish: Wish, ejected: int, limits: Limits) -> str | None:
    if wish.cause is Cause.FAULT and ejected >= limits.most_ejected:
        return f"because failures may take out no more than {limits.most_ejected} at once"
    return None


def _whole_region(
    wish: Wish, serving: Collection[str], members: Collection[str], limits: Limits
) -> str | None:
    """Only where the group has members in more regions than one: else the floor is all there is to keep."""
    site = limits.sites.get(wish.node)
    if wish.cause is not Cause.FAULT or site is None:
        return None
    alike = {node for node in members if limits.sites.get(node) == site}
    if len(alike) < len(members) and not (alike & set(serving)) - {wish.node}:
        return f"because the region {site} may not be taken out as a whole"
    return None


def _too_weak(wish: Wish, carrying: Collection[str], limits: Limits) -> str | None:
    if limits.capacity is None or wish.node not in carrying or wish.cause is Cause.OVERRIDE:
        return None  # a person's word gives way to the floor only
    can = limits.capacity.messages_per_hour
    left = sum(can.get(node, 0) for node in carrying if node != wish.node)
    if left >= limits.messages_per_hour:
        return None
    load = f"{limits.messages_per_hour:.0f} are to be expected"
    return f"because the others carry {left} messages an hour and {load}"
