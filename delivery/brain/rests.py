"""Who of a pool rests, is on probation, and returns: by score, and at once when listed or blocked. Pure.

The same rules hold for the addresses of a pool and for its paths to one ISP. A low score takes nobody below
the pool's floor, and only a share of the pool at a time: scores are estimates, and moving all mail at once
would hurt the others. A listing or a block is no estimate. What it concerns is out at once, below the floor
too: what is sent from there is refused or lost to spam folders, and each refusal makes the listing last
longer, while mail that waits in its queue leaves when the address returns or another takes it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from delivery.brain.events import Event, EventKind
from delivery.brain.rules import ReputationRules


class Service(StrEnum):
    """Whether it sends."""

    ACTIVE = "active"
    RESTING = "resting"
    PROBATION = "probation"
    """Back, at the pace of a warming address, until it has shown itself well."""


@dataclass(frozen=True, slots=True)
class Member:
    """What is remembered of one of a group; times are seconds since 1970."""

    service: Service = Service.ACTIVE
    since: float = 0.0
    until: float | None = None
    """The end of its rest, at the earliest."""
    rests: int = 0
    """Within the time rules forget after."""
    outright: bool = False
    """It rests for a listing or a block, not for its score."""
    burnt: bool = False
    """Until it is rebuilt."""
    kept: bool = False
    """It should rest, and may not."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sign:
    """How one of a group looks now."""

    score: float
    why: str
    """What the score is made of."""
    out_now: str = ""
    """`listed by …`, `blocked …`; empty when neither."""
    answered: int = 0
    """Since it is on probation."""
    present: bool = True
    """Whether it could send if it did not rest: not so when its whole address rests or its node is lost."""


def judge_group(
    members: Mapping[str, Member], signs: Mapping[str, Sign], rules: ReputationRules, now: float
) -> tuple[dict[str, Member], tuple[Event, ...]]:
    """The members from now on, for all in `signs`, and what changed."""
    group = {name: members.get(name, Member(since=now)) for name in signs}
    events: list[Event] = []
    for name in sorted(group):
        group[name], event = _by_itself(name, group[name], signs[name], rules, now)
        events += event
    wishes = sorted(
        (name for name, one in group.items() if _should_rest(one, signs[name], rules)),
        key=lambda name: (signs[name].score, name),
    )
    for name in wishes:
        refused = _why_not(group, signs, rules, now)
        if not refused:
            group[name], event = _rest(name, group[name], signs[name], rules, now, signs[name].why)
            events += event
        elif not group[name].kept:
            group[name] = replace(group[name], kept=True)
            told = f"{name} keeps sending with a score of {signs[name].score:.0f}: {refused}"
            events.append(Event(EventKind.KEPT, name, told, {"score": signs[name].score}))
    return {name: replace(one, kept=one.kept and name in wishes) for name, one in group.items()}, tuple(
        events
    )


def floor(members: int, rules: ReputationRules) -> int:
    """How many of a group low scores leave in service."""
    return max(1, math.ceil(members * rules.floor_share)) if members else 0


def _should_rest(one: Member, sign: Sign, rules: ReputationRules) -> bool:
    return one.service is not Service.RESTING and sign.score < rules.rest_below


def _why_not(
    group: Mapping[str, Member], signs: Mapping[str, Sign], rules: ReputationRules, now: float
) -> str:
    serving = sum(
        one.service is not Service.RESTING and not one.burnt and signs[name].present
        for name, one in group.items()
    )
    least = floor(len(group), rules)
    if serving - 1 < least:
        return f"no fewer than {least} of {len(group)} may send"
    begun = now - rules.rests_window_seconds
    rested = sum(one.service is Service.RESTING and one.since > begun for one in group.values())
    most = max(1, int(len(group) * rules.most_rests_share))
    return f"no more than {most} may begin a rest within a day" if rested >= most else ""


def _by_itself(
    name: str, one: Member, sign: Sign, rules: ReputationRules, now: float
) -> tuple[Member, tuple[Event, ...]]:
    if sign.out_now:
        if one.service is Service.RESTING and one.outright:
            return _still_out(name, one, sign, rules, now)
        return _rest(name, one, sign, rules, now, sign.out_now, outright=True)
    if one.service is Service.RESTING and now >= (one.until or 0.0) and sign.score >= rules.return_above:
        told = f"{name} is on probation after {_days(now - one.since)} of rest"
        back = replace(one, service=Service.PROBATION, since=now, until=None, outright=False, reason=told)
        return back, (Event(EventKind.ON_PROBATION, name, told, {"score": sign.score}),)
    if one.service is Service.PROBATION:
        return _after_probation(name, one, sign, rules, now)
    if one.rests and one.service is Service.ACTIVE and now - one.since > rules.forget_seconds:
        return replace(one, rests=0), ()
    return one, ()


def _still_out(
    name: str, one: Member, sign: Sign, rules: ReputationRules, now: float
) -> tuple[Member, tuple[Event, ...]]:
    """A listing that outlasts a day is no slip: by then receivers have learnt from it on their own."""
    longer = replace(one, until=max(one.until or 0.0, now + rules.rest_seconds))
    if one.burnt or now - one.since < rules.burnt_after_seconds:
        return longer, ()
    told = f"{name} is burnt and will be rebuilt over weeks without transactional mail: still {sign.out_now}"
    evidence = {"score": sign.score, "out_seconds": now - one.since}
    return replace(longer, burnt=True), (Event(EventKind.BURNT, name, told, evidence),)


def _after_probation(
    name: str, one: Member, sign: Sign, rules: ReputationRules, now: float
) -> tuple[Member, tuple[Event, ...]]:
    well = sign.score >= rules.return_above and sign.answered >= rules.least_answers
    if now - one.since < rules.probation_seconds or not well:
        return one, ()
    told = f"{name} is back in service with a score of {sign.score:.0f} after its probation"
    back = replace(one, service=Service.ACTIVE, since=now, reason=told)
    return back, (Event(EventKind.RETURNED, name, told, {"score": sign.score, "answered": sign.answered}),)


def _rest(
    name: str,
    one: Member,
    sign: Sign,
    rules: ReputationRules,
    now: float,
    why: str,
    *,
    outright: bool = False,
) -> tuple[Member, tuple[Event, ...]]:
    """Each rest is twice as long as the one before, for as long as that is remembered."""
    rests = one.rests + (one.service is not Service.RESTING)
    seconds = min(rules.longest_rest_seconds, rules.rest_seconds * 2.0 ** min(max(0, rests - 1), 20))
    burnt = one.burnt or sign.score < rules.burnt_below or (outright and rests > 1)
    told = f"{name} rests for {_days(seconds)} at least: {why}"
    rested = Member(
        Service.RESTING, now, now + seconds, rests, outright=outright, burnt=burnt, kept=False, reason=told
    )
    evidence = {"score": sign.score, "rest_seconds": seconds, "rests": rests}
    events = [Event(EventKind.RESTED, name, told, evidence)]
    if burnt and not one.burnt:
        told = f"{name} is burnt and will be rebuilt over weeks without transactional mail: {why}"
        events.append(Event(EventKind.BURNT, name, told, evidence))
    return rested, tuple(events)


def _days(seconds: float) -> str:
    return f"{seconds / 86_400:.1f} days"
