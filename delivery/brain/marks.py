"""Refusals that ask for more than a slower pace: what a rule wants done at once. Pure."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from delivery.model import Action, Attempt, Category, Outcome, Scope

MOST_MARKS = 16
"""Per path: far more rules than one receiver answers with at a time."""
LEAST_SUSPEND_SECONDS = 900
"""When a rule asks for a suspension and does not say how long: as long as the shortest retry of the queue."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The latest refusal under one rule."""

    at: float
    rule: str
    category: Category
    scope: Scope
    suspend_seconds: int = 0
    """0 when the rule suspends nothing."""
    runbook: str | None = None


def mark_of(attempt: Attempt) -> Mark | None:
    """What a refusal asks for; None when it asks for nothing beyond a retry or a slower pace."""
    said = attempt.meaning
    if said is None or attempt.outcome not in (Outcome.DEFERRED, Outcome.BOUNCED):
        return None
    suspends = Action.SUSPEND in said.actions
    if not suspends and Action.RUNBOOK not in said.actions and said.category is not Category.BLOCK:
        return None
    seconds = (said.suspend_seconds or LEAST_SUSPEND_SECONDS) if suspends else 0
    return Mark(attempt.at, said.rule, said.category, said.scope, seconds, said.runbook)


def newest(marks: Mapping[str, Mark], mark: Mark) -> dict[str, Mark]:
    """With `mark` in the place of an older one of its rule; the oldest goes when there are too many."""
    known = marks.get(mark.rule)
    if known is not None and known.at >= mark.at:
        return dict(marks)
    kept = {**marks, mark.rule: mark}
    if len(kept) > MOST_MARKS:
        best = heapq.nlargest(MOST_MARKS, kept.values(), key=lambda one: (one.at, one.rule))
        kept = {one.rule: one for one in best}
    return kept
