"""The failure sequence of one path, stage by stage, and what each calls for. Pure.

1 refusals for pace or reputation rise, 2 the retry queue grows, 3 more lands in spam folders, 4 blocks or
refusals of nearly all. The earlier it is seen, the wider the window: 1 to 3 are answered without a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from delivery.brain.counts import Counts
from delivery.brain.events import Event, EventKind
from delivery.brain.rules import StageRules

RUNBOOK = "isp-blocks-us"
LAST = 4


@dataclass(frozen=True, slots=True)
class Intervention:
    """What a stage calls for."""

    ceiling_factor: float
    """Of the cap."""
    may_grow: bool
    marketing: bool
    runbook: str | None
    told: str


INTERVENTIONS: Mapping[int, Intervention] = {
    0: Intervention(1.0, may_grow=True, marketing=True, runbook=None, told="nothing stands out"),
    1: Intervention(
        1.0,
        may_grow=False,
        marketing=True,
        runbook=None,
        told="the pace falls with each refusal, volume does not grow, new mail prefers other paths",
    ),
    2: Intervention(
        0.5,
        may_grow=False,
        marketing=True,
        runbook=None,
        told="half the pace at most, so that retries do not press",
    ),
    3: Intervention(
        0.25,
        may_grow=False,
        marketing=False,
        runbook=None,
        told="a quarter of the pace at most, no marketing mail",
    ),
    LAST: Intervention(
        0.25,
        may_grow=False,
        marketing=False,
        runbook=RUNBOOK,
        told=f"no marketing mail, a quarter of the pace at most; a person follows the runbook {RUNBOOK}",
    ),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Where in the sequence a path is; times are seconds since 1970."""

    stage: int = 0
    since: float = 0.0
    seen_at: float = 0.0
    """The last sign of this stage or a later one."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What the stages are told by."""

    hour: Counts
    day: Counts
    week: Counts
    """The seven days before today."""
    queued: int = 0
    """Refused messages that wait for another try at this path's ISP."""
    queued_before: int = 0
    """The same an hour ago."""
    spam_share: float | None = None
    """Of what was delivered, where seed mailboxes or the ISP's own figures tell it."""


def recognise(
    name: str, was: Failure, seen: Symptoms, rules: StageRules, now: float
) -> tuple[Failure, tuple[Event, ...]]:
    """On at once to the stage that shows; back by one after so long without a sign."""
    stage, why = _shown(was, seen, rules)
    if stage > was.stage:
        return _changed(name, Failure(stage, now, now, why), seen)
    if stage == was.stage:
        return (replace(was, seen_at=now, why=why or was.why), ()) if stage else (was, ())
    if now - was.seen_at < rules.calm_seconds:
        return was, ()
    hours = rules.calm_seconds / 3600
    return _changed(name, Failure(was.stage - 1, now, now, f"{hours:.0f} hours without a sign"), seen)


def _changed(name: str, failure: Failure, seen: Symptoms) -> tuple[Failure, tuple[Event, ...]]:
    called_for = INTERVENTIONS[failure.stage]
    told = f"{name}: stage {failure.stage} of {LAST}: {failure.why}; {called_for.told}"
    evidence = {
        "stage": failure.stage,
        "pressure": seen.hour.pressure,
        "blocks": seen.hour.blocks,
        "answered": seen.hour.answered,
        "queued": seen.queued,
        "complaints": seen.day.complaints,
    }
    events = [Event(EventKind.STAGE, name, told, evidence)]
    if called_for.runbook is not None:
        told = f"{name}: follow the runbook {called_for.runbook}: {failure.why}"
        events.append(Event(EventKind.RUNBOOK, name, told, evidence))
    return failure, tuple(events)


def _shown(was: Failure, seen: Symptoms, rules: StageRules) -> tuple[int, str]:
    near = seen.hour if seen.hour.answered >= rules.least_answers else seen.day
    if near.answered < rules.least_answers:
        near = Counts()
    if why := _blocked(near, rules):
        return 4, why
    throttled = _throttled(near, seen.week, rules)
    if why := _spam(seen, rules, throttled=bool(throttled) or was.stage > 0):
        return 3, why
    if (throttled or was.stage > 0) and (why := _queue(seen, rules)):
        return 2, why
    return (1, throttled) if throttled else (0, "")


def _blocked(near: Counts, rules: StageRules) -> str:
    if near.blocks >= 3 and near.block_share >= rules.block_share:
        return f"{near.blocks} of {near.answered} attempts were blocked"
    refused = near.pressure + near.blocks
    if near.answered and refused / near.answered >= rules.refused_share:
        return f"{refused} of {near.answered} attempts were refused"
    return ""


def _throttled(near: Counts, week: Counts, rules: StageRules) -> str:
    usual = week.pressure_share
    if near.pressure_share < max(rules.pressure_share, rules.pressure_factor * usual):
        return ""
    return f"{near.pressure_share:.1%} refused for pace or reputation, {usual:.1%} in the week before"


def _queue(seen: Symptoms, rules: StageRules) -> str:
    if seen.queued < max(rules.least_queued, rules.queue_factor * seen.queued_before):
        return ""
    return f"{seen.queued} messages wait for another try, {seen.queued_before} an hour ago"


def _spam(seen: Symptoms, rules: StageRules, *, throttled: bool) -> str:
    """Placement where it is known; otherwise complaints, which alone may be one bad mailing."""
    if seen.spam_share is not None and seen.spam_share >= rules.spam_share:
        return f"{seen.spam_share:.0%} of the delivered went to spam folders"
    if not throttled or seen.day.complaints < 3 or seen.day.complaint_share < rules.complaint_share:
        return ""
    return f"{seen.day.complaint_share:.2%} of the delivered were called spam while refusals rise"
