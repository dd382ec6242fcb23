"""The warm-up of one path: a stage a sending day, left, held or stepped back from by what it showed. Pure.

Days are UTC days. A day without mail is none: it neither advances nor holds. A day is judged once it is over,
so a path never grows within a day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from delivery.brain.counts import Counts
from delivery.brain.events import Event, EventKind
from delivery.brain.rules import DAY_SECONDS, WarmupRules
from delivery.brain.schedules import Schedule
from fleet.catalogue import Isp, Stage


@dataclass(frozen=True, slots=True)
class Warmth:
    """How far a path has come; times are seconds since 1970, days their number since then."""

    schedule: str
    stage: int
    judged_day: int
    """The last day that was judged."""
    sending_days: int = 0
    """Since it began."""
    last_sent_day: int | None = None
    done: bool = False
    """Established."""
    rebuilding: bool = False
    """Burnt once: no transactional mail, and no sooner done than after weeks."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the machine allows a path now."""

    standing: Stage
    per_hour: float
    per_day: float
    """Infinite when established."""
    transactional: bool


def begin(schedule: Schedule, today: int, *, rebuilding: bool = False) -> Warmth:
    """The first stage, from today on."""
    return Warmth(schedule.schedule, 0, today - 1, rebuilding=rebuilding)


def established(schedule: Schedule, today: int) -> Warmth:
    """A path whose history the environment file vouches for."""
    return Warmth(schedule.schedule, schedule.last_stage, today - 1, last_sent_day=today, done=True)


def budget(warmth: Warmth, schedule: Schedule, isp: Isp) -> Budget:
    """What the present stage allows, and the standing whose caps hold with it.

    A path is fresh at its first stage and as long as its stage asks for no more than a fresh address may
    send; its good days, not its age, make it a warming one.
    """
    if warmth.done:
        return Budget(Stage.ESTABLISHED, float("inf"), float("inf"), transactional=True)
    per_hour = schedule.per_hour(warmth.stage)
    fresh = isp.limits.fresh.messages_per_hour
    within_fresh = fresh is not None and per_hour <= fresh.value
    standing = Stage.FRESH if warmth.stage == 0 or within_fresh else Stage.WARMING
    return Budget(standing, per_hour, schedule.per_day(warmth.stage), transactional=not warmth.rebuilding)


def advance(
    name: str,
    warmth: Warmth,
    schedule: Schedule,
    days: Mapping[int, Counts],
    rules: WarmupRules,
    now: float,
    *,
    hold: str = "",
) -> tuple[Warmth, tuple[Event, ...]]:
    """Where the path stands today.

    `days` holds what happened on the days since `judged_day`, by number; `hold` says why nothing may grow.
    """
    today = int(now // DAY_SECONDS)
    events: list[Event] = []
    for day in sorted(day for day in days if warmth.judged_day < day < today and days[day].attempts):
        warmth, again = _unless_idle(name, warmth, schedule, day, rules)
        warmth, event = _judge(name, warmth, schedule, days[day], day, rules, hold)
        events += [*again, *([event] if event is not None else [])]
    warmth, again = _unless_idle(name, warmth, schedule, today, rules)
    return replace(warmth, judged_day=max(warmth.judged_day, today - 1)), (*events, *again)


def _unless_idle(
    name: str, warmth: Warmth, schedule: Schedule, day: int, rules: WarmupRules
) -> tuple[Warmth, tuple[Event, ...]]:
    """As it is, or at the first stage when its last mail is too long ago on `day`."""
    last = warmth.last_sent_day
    if last is None or day - last < rules.idle_days:
        return warmth, ()
    again = begin(schedule, day, rebuilding=warmth.rebuilding)
    if warmth.stage == 0 and not warmth.done:
        return again, ()
    told = f"begins again after {day - last} days without mail"
    return again, (_event(EventKind.BEGAN_AGAIN, name, told, {"idle_days": day - last}),)


def _judge(
    name: str, warmth: Warmth, schedule: Schedule, seen: Counts, day: int, rules: WarmupRules, hold: str
) -> tuple[Warmth, Event | None]:
    warmth = replace(warmth, last_sent_day=day, judged_day=day)
    if warmth.done or seen.answered < rules.least_attempts:
        return warmth, None
    warmth = replace(warmth, sending_days=warmth.sending_days + 1)
    evidence = _evidence(seen, schedule, warmth)
    if bad := _why_back(seen, rules):
        stage = max(0, warmth.stage - 1)
        told = f"steps back to {_told(schedule, stage)}: {bad}"
        return replace(warmth, stage=stage), _event(EventKind.STEPPED_BACK, name, told, evidence)
    if held := hold or _why_hold(seen, rules):
        told = f"stays at {_told(schedule, warmth.stage)}: {held}"
        return warmth, _event(EventKind.HELD, name, told, evidence)
    return _onward(name, warmth, schedule, seen, rules, evidence)


def _onward(
    name: str,
    warmth: Warmth,
    schedule: Schedule,
    seen: Counts,
    rules: WarmupRules,
    evidence: Mapping[str, float],
) -> tuple[Warmth, Event | None]:
    filled = seen.delivered >= rules.leave_delivered_share * schedule.stage_volumes[warmth.stage]
    may_end = not warmth.rebuilding or warmth.sending_days >= rules.rebuild_days
    at_end = warmth.stage == schedule.last_stage and filled
    if may_end and (at_end or warmth.sending_days >= rules.settled_days):
        kind = EventKind.REBUILT if warmth.rebuilding else EventKind.ESTABLISHED
        told = f"is established after {warmth.sending_days} good sending days"
        return replace(warmth, done=True, rebuilding=False), _event(kind, name, told, evidence)
    if not filled or at_end or _ahead_of_rebuilding(warmth, schedule, rules):
        return warmth, None
    stage = warmth.stage + 1
    told = f"goes on to {_told(schedule, stage)}: {seen.delivered} of {seen.answered} attempts were delivered"
    return replace(warmth, stage=stage), _event(EventKind.WARMED, name, told, evidence)


def _ahead_of_rebuilding(warmth: Warmth, schedule: Schedule, rules: WarmupRules) -> bool:
    """A way back takes its weeks: no further along the schedule than along the time."""
    if not warmth.rebuilding:
        return False
    return (warmth.stage + 1) * rules.rebuild_days > warmth.sending_days * (schedule.last_stage + 1)


def _why_back(seen: Counts, rules: WarmupRules) -> str:
    if seen.blocks:
        return f"{seen.blocks} attempts were blocked"
    if seen.pressure_share > rules.back_pressure_share:
        return f"{seen.pressure_share:.1%} were refused for pace or reputation"
    if seen.complaint_share > rules.back_complaint_share:
        return f"{seen.complaint_share:.2%} of the delivered were called spam"
    if seen.bounce_share > rules.back_bounce_share:
        return f"{seen.bounce_share:.1%} went to recipients that do not exist"
    return ""


def _why_hold(seen: Counts, rules: WarmupRules) -> str:
    if seen.pressure_share > rules.hold_pressure_share:
        return f"{seen.pressure_share:.1%} were refused for pace or reputation"
    if seen.complaint_share > rules.hold_complaint_share and seen.complaints > 1:
        return f"{seen.complaint_share:.2%} of the delivered were called spam"
    if seen.delivered_share < rules.leave_delivered_share:
        return f"only {seen.delivered_share:.0%} were delivered"
    return ""


def _told(schedule: Schedule, stage: int) -> str:
    volume = f"{schedule.stage_volumes[stage]} messages {'a day' if schedule.per == 'day' else 'an hour'}"
    return f"stage {stage + 1} of {schedule.last_stage + 1} ({volume})"


def _evidence(seen: Counts, schedule: Schedule, warmth: Warmth) -> dict[str, float]:
    return {
        "delivered": seen.delivered,
        "answered": seen.answered,
        "pressure": seen.pressure,
        "blocks": seen.blocks,
        "invalid": seen.invalid,
        "complaints": seen.complaints,
        "stage_volume": schedule.stage_volumes[warmth.stage],
        "sending_days": warmth.sending_days,
    }


def _event(kind: EventKind, name: str, told: str, evidence: Mapping[str, float]) -> Event:
    return Event(kind, name, f"{name}: {told}", evidence)
