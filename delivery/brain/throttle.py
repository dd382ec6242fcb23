"""The pace of one path: down fast on pressure, up slowly when calm, nothing while suspended. Pure.

Invariants (held by property tests): never above the ceiling; at most one lowering a minute and one raising an
hour; no raising while there is pressure; what a suspension ends with is never faster than what it began with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from delivery.brain.counts import NOTHING, Counts
from delivery.brain.events import Event, EventKind
from delivery.brain.ladder import Step
from delivery.brain.marks import Mark
from delivery.brain.rules import Temperament, ThrottleRules


@dataclass(frozen=True, slots=True)
class Pace:
    """What is remembered of a path's pace; times are seconds since 1970."""

    allowance: float
    """Messages an hour; the step is the highest within it."""
    step: int
    """Number on the path's ladder, 0 the lowest."""
    lowered_at: float | None = None
    raised_at: float | None = None
    suspended_until: float | None = None
    obeyed_at: float | None = None
    """The date of the last refusal that suspended."""
    resumed_at: float | None = None
    """The end of the last suspension."""
    suspensions: int = 0
    """In a row."""
    reason: str = ""
    """Of its last change."""


@dataclass(frozen=True, slots=True)
class Felt:
    """What the receiver lets us feel on one path."""

    since_change: Counts
    """Of whole minutes since the last lowering, at most the window's."""
    hour: Counts
    """Of the last 60 minutes."""
    last_attempt_at: float | None
    recent: Counts = NOTHING
    """Of these minutes the last two: what changed just now is not lost among what was before."""
    marks: tuple[Mark, ...] = ()
    """All that concern this path, also those met on another one of their scope."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Within what a path's pace moves, in this decision."""

    name: str
    """`ADDRESS at ISP`."""
    steps: Sequence[Step]
    ceiling: int
    """Number of the highest step allowed."""
    temperament: Temperament


def careful_start(frame: Frame, rules: ThrottleRules) -> Pace:
    """The pace of a path without recent history: a share of its cap. Raising waits as after any raising."""
    return _at(frame, frame.steps[frame.ceiling].messages_per_hour * rules.start_share)


def adjust(
    pace: Pace, frame: Frame, felt: Felt, rules: ThrottleRules, now: float
) -> tuple[Pace, tuple[Event, ...]]:
    """The pace from now on, and what changed."""
    pace, events = _within_ceiling(pace, frame)
    for change in (_suspend, _resume, _restart, _lower, _raise):
        pace, said = change(pace, frame, felt, rules, now)
        if said is not None:
            return replace(pace, reason=said.sentence), (*events, said)
        if change is _resume and pace.suspended_until is not None:
            break
    return pace, tuple(events)


def _within_ceiling(pace: Pace, frame: Frame) -> tuple[Pace, list[Event]]:
    if pace.step <= frame.ceiling:
        return pace, []
    cap = frame.steps[frame.ceiling]
    rate = cap.messages_per_hour
    sentence = f"{frame.name}: lowered to {rate} messages an hour, the most its standing allows"
    lowered = replace(pace, step=frame.ceiling, allowance=min(pace.allowance, rate))
    return lowered, [Event(EventKind.LOWERED, frame.name, sentence, {"messages_per_hour": rate})]


_Change = tuple[Pace, Event | None]


def _suspend(pace: Pace, frame: Frame, felt: Felt, rules: ThrottleRules, now: float) -> _Change:
    """A rule says how long nothing is asked; repeated, it grows."""
    fresh = [mark for mark in felt.marks if mark.suspend_seconds and _is_new(mark, pace)]
    if not fresh:
        return pace, None
    worst = max(fresh, key=lambda mark: (mark.at + mark.suspend_seconds, mark.rule))
    reason = f"{worst.rule} asks for it"
    changed = _suspended(pace, frame, rules, now, worst.suspend_seconds, max(mark.at for mark in fresh))
    return _unless_over(pace, changed, frame, reason, now)


def _is_new(mark: Mark, pace: Pace) -> bool:
    return pace.obeyed_at is None or mark.at > pace.obeyed_at


def _suspended(
    pace: Pace, frame: Frame, rules: ThrottleRules, now: float, seconds: float, said_at: float
) -> Pace:
    """Each suspension in a row is twice as long; one said while another runs is the same one, made longer."""
    runs = pace.suspended_until is not None and said_at < pace.suspended_until
    recent = pace.suspended_until is not None or (
        pace.resumed_at is not None and said_at - pace.resumed_at < rules.forget_seconds
    )
    row = max(1, pace.suspensions) if runs else pace.suspensions + 1 if recent else 1
    grown = min(max(rules.longest_suspend_seconds, seconds), seconds * 2.0 ** min(row - 1, 20))
    after = pace if runs else _at(frame, frame.steps[pace.step].messages_per_hour * rules.suspended_share)
    return replace(
        pace,
        allowance=min(pace.allowance, after.allowance),
        step=min(pace.step, after.step),
        suspended_until=max(pace.suspended_until or 0.0, said_at + grown),
        obeyed_at=said_at,
        suspensions=row,
        lowered_at=now,
    )


def _unless_over(pace: Pace, changed: Pace, frame: Frame, reason: str, now: float) -> _Change:
    until = changed.suspended_until or now
    if until <= now:  # said long ago, read now
        return replace(pace, obeyed_at=changed.obeyed_at), None
    seconds = until - now
    sentence = f"{frame.name}: suspended for {seconds / 60:.0f} minutes: {reason}"
    evidence = {"suspend_seconds": round(seconds, 3), "in_a_row": changed.suspensions}
    return changed, Event(EventKind.SUSPENDED, frame.name, sentence, evidence)


def _resume(pace: Pace, frame: Frame, felt: Felt, rules: ThrottleRules, now: float) -> _Change:
    if pace.suspended_until is None or now < pace.suspended_until:
        return pace, None
    rate = frame.steps[pace.step].messages_per_hour
    sentence = f"{frame.name}: resumes with {rate} messages an hour, as its suspension is over"
    resumed = replace(pace, suspended_until=None, resumed_at=now, raised_at=now, lowered_at=now)
    return resumed, Event(EventKind.RESUMED, frame.name, sentence, {"messages_per_hour": rate})


def _restart(pace: Pace, frame: Frame, felt: Felt, rules: ThrottleRules, now: float) -> _Change:
    """Idle for long: what it bore then says little about now."""
    idle_seconds = now - max(felt.last_attempt_at or 0.0, pace.raised_at or 0.0, pace.lowered_at or 0.0)
    start = careful_start(frame, rules)
    if idle_seconds < rules.idle_seconds or start.step >= pace.step:
        return pace, None
    rate = frame.steps[start.step].messages_per_hour
    days = idle_seconds / 86_400
    sentence = f"{frame.name}: starts again with {rate} messages an hour after {days:.0f} days without mail"
    restarted = replace(pace, allowance=start.allowance, step=start.step, lowered_at=now, raised_at=now)
    return restarted, Event(EventKind.LOWERED, frame.name, sentence, {"idle_seconds": round(idle_seconds)})


def _lower(pace: Pace, frame: Frame, felt: Felt, rules: ThrottleRules, now: float) -> _Change:
    if pace.lowered_at is not None and now - pace.lowered_at < rules.lower_every_seconds:
        return pace, None
    windows = [one for one in (felt.recent, felt.since_change) if _presses(one, pace, frame, rules)]
    if not windows:
        return pace, None
    seen = windows[0]
    told = f"{seen.pressure} of {seen.answered} attempts were refused for pace or reputation"
    if pace.step == 0:
        if seen.pressure_share < rules.stuck_share:
            return pace, None
        changed = _suspended(pace, frame, rules, now, rules.stuck_seconds, now)
        return _unless_over(pace, changed, frame, f"even at its lowest pace {told}", now)
    before = frame.steps[pace.step].messages_per_hour
    after = _at(frame, min(pace.allowance, before) * rules.decrease_factor)
    step = min(after.step, pace.step - 1)
    rate = frame.steps[step].messages_per_hour
    lowered = replace(pace, allowance=min(after.allowance, rate), step=step, lowered_at=now)
    evidence = {"pressure": seen.pressure, "answered": seen.answered, "messages_per_hour": rate}
    sentence = f"{frame.name}: lowered from {before} to {rate} messages an hour: {told}"
    return lowered, Event(EventKind.LOWERED, frame.name, sentence, evidence)


def _presses(seen: Counts, pace: Pace, frame: Frame, rules: ThrottleRules) -> bool:
    return (
        _enough(seen, frame.steps[pace.step], rules)
        and seen.pressure >= rules.least_pressure
        and seen.pressure_share >= rules.pressure_share[frame.temperament]
    )


def _raise(pace: Pace, frame: Frame, felt: Felt, rules: ThrottleRules, now: float) -> _Change:
    moved_at = max(pace.lowered_at or 0.0, pace.raised_at or 0.0)
    if pace.step >= frame.ceiling or now - moved_at < rules.raise_every_seconds:
        return pace, None
    step = frame.steps[pace.step]
    if not _enough(felt.hour, step, rules) or felt.hour.pressure_share > rules.calm_share:
        return pace, None
    cap, following = frame.steps[frame.ceiling], frame.steps[pace.step + 1]
    grown = max(pace.allowance, step.messages_per_hour) + cap.messages_per_hour * rules.increase_share
    allowance = min(grown, following.messages_per_hour)
    raised = replace(pace, allowance=allowance, raised_at=now)
    if allowance < following.messages_per_hour:
        return raised, None
    rate = following.messages_per_hour
    sentence = (
        f"{frame.name}: raised from {step.messages_per_hour} to {rate} messages an hour after a calm hour "
        f"({felt.hour.pressure} of {felt.hour.answered} attempts refused for pace or reputation)"
    )
    evidence = {"pressure": felt.hour.pressure, "answered": felt.hour.answered, "messages_per_hour": rate}
    return replace(raised, step=pace.step + 1), Event(EventKind.RAISED, frame.name, sentence, evidence)


def _enough(seen: Counts, step: Step, rules: ThrottleRules) -> bool:
    """As many answers as rules ask for, or a quarter of what the step allows in an hour."""
    least = min(rules.least_attempts, max(rules.least_pressure, step.messages_per_hour // 4))
    return seen.answered >= least


def _at(frame: Frame, messages_per_hour: float) -> Pace:
    """The highest step within a rate and the ceiling; the lowest when the rate is below all."""
    numbers: Iterable[int] = range(frame.ceiling + 1)
    step = max((n for n in numbers if frame.steps[n].messages_per_hour <= messages_per_hour), default=0)
    return Pace(max(messages_per_hour, frame.steps[0].messages_per_hour), step)
