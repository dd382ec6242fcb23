"""One path: its stage, its budget, its ceiling, its pace, and the row that says so. Pure."""

import math
from dataclasses import dataclass, replace

from delivery.brain.events import Event, EventKind
from delivery.brain.growth import INFINITE, most_today
from delivery.brain.ladder import highest_within, messages_per_hour_cap
from delivery.brain.model import PathMemory, PathSeen, Policy, path_name
from delivery.brain.outlook import Outlook, Surroundings, rests, service, standing
from delivery.brain.overflow import MessageClass
from delivery.brain.plan import Row
from delivery.brain.rules import DAY_SECONDS
from delivery.brain.stages import INTERVENTIONS, Failure, Symptoms, recognise
from delivery.brain.throttle import Felt, Frame, Pace, adjust, careful_start
from delivery.brain.warmup import Budget, Warmth, advance, begin, budget
from delivery.model import Path

HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class Decided:
    """What comes out for one path."""

    row: Row
    memory: PathMemory
    events: tuple[Event, ...]
    warm_capacity: int
    """Messages it could still take today in an emergency; 0 unless it is established and in service."""


def decide_path(
    path: Path,
    seen: PathSeen,
    scored: PathMemory,
    was: PathMemory,
    around: Surroundings,
    policy: Policy,
    now: float,
) -> Decided:
    """`scored` is `was` with the new score and place in the group."""
    name = path_name(path)
    failure, of_failure = _failure(name, scored.failure, seen, policy, now)
    burnt = around.newly_burnt or (scored.member.burnt and not was.member.burnt)
    warmth, of_warmth = _warmth(name, path, seen, was.warmth, failure, policy, now, burnt=burnt)
    if was.warmth.rebuilding and not warmth.rebuilding:
        scored = replace(scored, member=replace(scored.member, burnt=False))
    allowed = budget(warmth, policy.schedule(path.isp, warmth.schedule), policy.isp(path.isp))
    frame = _frame(name, path, allowed, failure, scored, around, policy)
    pace, of_pace = _pace(frame, seen, scored, around, policy, now)
    memory = replace(scored, failure=failure, warmth=warmth, pace=pace, rested=rests(scored, around))
    most = _most_today(seen, memory, allowed, around, policy, now)
    attempts = seen.days[today].attempts if (today := int(now // DAY_SECONDS)) in seen.days else 0
    left = None if math.isinf(most) else max(0, int(most) - attempts)
    memory, of_growth = _flagged(name, memory, seen, most, left, today)
    told = Outlook(memory, around, allowed, frame, most, left)
    reason, until = told.reason(), told.until(now)
    memory = replace(memory, reason=reason, since=was.since if reason == was.reason else now)
    step = frame.steps[pace.step]
    row = Row(
        pool=around.pool,
        address=path.address,
        isp=path.isp,
        step=pace.step,
        messages_per_hour=0 if until is not None else int(min(step.messages_per_hour, allowed.per_hour)),
        connections=step.connections,
        pause_seconds=step.pause_seconds,
        day_left=left,
        suspended_until=until,
        score=round(min(memory.score.value, around.score), 3),
        standing=standing(allowed, memory, around),
        service=service(memory, around),
        stage=failure.stage,
        carries=_carries(allowed, failure),
        reason=reason,
        since=memory.since,
    )
    blocked = until is not None and not (left == 0 and pace.suspended_until is None and not memory.rested)
    capacity = (
        0 if blocked else _capacity(seen, memory, around, step.messages_per_hour, attempts, policy, now)
    )
    return Decided(row, memory, (*of_failure, *of_warmth, *of_pace, *of_growth), capacity)


def _failure(
    name: str, was: Failure, seen: PathSeen, policy: Policy, now: float
) -> tuple[Failure, tuple[Event, ...]]:
    symptoms = Symptoms(seen.hour, seen.day, seen.usual, seen.queued, seen.queued_before, seen.spam_share)
    return recognise(name, was, symptoms, policy.rules.stages, now)


def _warmth(
    name: str,
    path: Path,
    seen: PathSeen,
    was: Warmth,
    failure: Failure,
    policy: Policy,
    now: float,
    *,
    burnt: bool,
) -> tuple[Warmth, tuple[Event, ...]]:
    """A burnt one begins again; a failing one does not grow."""
    today = int(now // DAY_SECONDS)
    if burnt:
        return begin(policy.schedule(path.isp), today, rebuilding=True), ()
    if was.schedule not in policy.schedules and not was.done:
        return begin(policy.schedule(path.isp), today, rebuilding=was.rebuilding), ()
    schedule = policy.schedule(path.isp, was.schedule)
    hold = "" if INTERVENTIONS[failure.stage].may_grow else f"the path is at stage {failure.stage} of failure"
    return advance(name, was, schedule, seen.days, policy.rules.warmup, now, hold=hold)


def _frame(
    name: str,
    path: Path,
    allowed: Budget,
    failure: Failure,
    memory: PathMemory,
    around: Surroundings,
    policy: Policy,
) -> Frame:
    """How high the pace may go: by standing, schedule and stage of failure."""
    isp, steps = policy.isp(path.isp), policy.steps(path.isp)
    limits = isp.limits_at(standing(allowed, memory, around))
    cap = min(messages_per_hour_cap(limits), allowed.per_hour) * INTERVENTIONS[failure.stage].ceiling_factor
    ceiling = highest_within(steps, cap, limits.connections.value) or 0
    return Frame(name, steps, ceiling, isp.temperament)


def _pace(
    frame: Frame, seen: PathSeen, memory: PathMemory, around: Surroundings, policy: Policy, now: float
) -> tuple[Pace, tuple[Event, ...]]:
    """Nothing moves while it rests; after a rest it starts as one that was idle."""
    rules, pace = policy.rules.throttle, memory.pace
    if rests(memory, around):
        return replace(pace, step=min(pace.step, frame.ceiling)), ()
    if memory.rested:
        start = careful_start(frame, rules)
        step, allowance = min(pace.step, start.step), min(pace.allowance, start.allowance)
        told = f"{frame.name}: starts carefully after its rest"
        pace = replace(pace, step=step, allowance=allowance, raised_at=now, lowered_at=now, reason=told)
    felt = Felt(seen.since_change, seen.hour, seen.last_attempt_at, seen.recent_since_change, around.marks)
    return adjust(pace, frame, felt, rules, now)


def _most_today(
    seen: PathSeen, memory: PathMemory, allowed: Budget, around: Surroundings, policy: Policy, now: float
) -> float:
    """A path's volume of today: its stage's, or what it usually has and some more."""
    if not memory.warmth.done:
        return allowed.per_day
    rules, known_days = policy.rules.growth, (now - memory.known_since) / DAY_SECONDS
    if known_days < rules.usual_days:
        return INFINITE  # what is usual here is not known yet; the pace alone bounds it
    most = most_today(seen.busiest_day, max(around.age_days, known_days), rules, emergency=around.emergency)
    if INTERVENTIONS[memory.failure.stage].may_grow:
        return most
    return min(most, max(seen.busiest_day, rules.free_per_day))


def _capacity(
    seen: PathSeen,
    memory: PathMemory,
    around: Surroundings,
    messages_per_hour: int,
    attempts: int,
    policy: Policy,
    now: float,
) -> int:
    """What an established path could take today if others were lost."""
    if not memory.warmth.done:
        return 0
    rules, pace = policy.rules.growth, float(messages_per_hour * HOURS_PER_DAY)
    if (now - memory.known_since) / DAY_SECONDS >= rules.usual_days:
        pace = min(pace, most_today(seen.busiest_day, around.age_days, rules, emergency=True))
    return max(0, int(pace) - attempts)


def _flagged(
    name: str, memory: PathMemory, seen: PathSeen, most: float, left: int | None, today: int
) -> tuple[PathMemory, tuple[Event, ...]]:
    """Told once a day."""
    if left != 0 or not memory.warmth.done or memory.flagged_day == today:
        return memory, ()
    told = (
        f"{name}: today's volume is held at {int(most)} messages: the busiest of its last days had "
        f"{seen.busiest_day}, and more would be sudden growth"
    )
    evidence = {"messages_today": int(most), "busiest_day": seen.busiest_day}
    return replace(memory, flagged_day=today), (Event(EventKind.GROWTH_HELD, name, told, evidence),)


def _carries(allowed: Budget, failure: Failure) -> tuple[MessageClass, ...]:
    """The classes of mail that may leave here; which of them the pool has is for the router to know."""
    return tuple(
        one
        for one in MessageClass
        if (one is not MessageClass.TRANSACTIONAL or allowed.transactional)
        and (one is not MessageClass.MARKETING or INTERVENTIONS[failure.stage].marketing)
    )
