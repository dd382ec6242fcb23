"""Attempts, and counts of them, for tests of the brain."""

from delivery.brain.counts import Counts
from delivery.model import Action, Attempt, Category, Meaning, Outcome, Path, Reply, Scope

NOON = 1_700_049_600.0
"""A UTC noon."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
HERE = Path("192.0.2.1", "google")


def clean(delivered: int) -> Counts:
    return Counts(delivered)


def pressed(delivered: int, refused: int) -> Counts:
    return Counts(delivered, {Category.RATE: refused})


def meaning(
    category: Category,
    *actions: Action,
    scope: Scope = Scope.ADDRESS,
    suspend_seconds: int | None = None,
    rule: str = "google/rate",
    runbook: str | None = None,
) -> Meaning:
    return Meaning(rule, category, scope, actions, suspend_seconds, runbook)


def attempt(
    at: float,
    outcome: Outcome = Outcome.DELIVERED,
    said: Meaning | None = None,
    path: Path = HERE,
    pool: str = "marketing",
) -> Attempt:
    reply = None if said is None else Reply("try again later", 421)
    return Attempt(at, "east-1", pool, "3A", "gmail.com", path, outcome, "mx.google.com", reply, said)


def deferred(at: float, category: Category = Category.RATE, path: Path = HERE) -> Attempt:
    return attempt(at, Outcome.DEFERRED, meaning(category, Action.SLOW_DOWN), path)
