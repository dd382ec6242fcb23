"""Whether the observer should believe its own eyes. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from failover.decide.model import UNKNOWN, Health, Policy, Snapshot, Target

REGRET_SECONDS = 2.0
"""What a blind observer found out in this time before it knew is void: failures do not show all at once."""


class Doubt(NamedTuple):
    reason: str
    blind: bool = False
    """Whether no answer reaches this observer: then what it has lately missed proves nothing either."""


def silent_nodes(snapshot: Snapshot, policy: Policy, now: float) -> frozenset[str]:
    """Nodes without a sign of life for too long, whether or not that is to be believed.

    Those that this observer does not watch speak to it too rarely to be missed.
    """
    oldest = now - policy.silence_seconds
    return frozenset(node for node, at in snapshot.heard_at.items() if at < oldest and policy.watches(node))


def find_doubt(snapshot: Snapshot, policy: Policy, silent: frozenset[str], now: float) -> Doubt | None:
    """Why this observer must be wrong; None when it may trust what it sees."""
    if snapshot.lag_seconds > policy.most_lag_seconds:
        return Doubt(f"this observer itself ran {snapshot.lag_seconds * 1000:.0f} ms late")
    if _hears_nobody(snapshot, policy, now):
        return Doubt("no other node can be heard: this observer is cut off", blind=True)
    if _is_answered_by_nobody(snapshot, policy, silent, now):
        return Doubt(
            "every node that is heard leaves it without an answer: this observer is at fault", blind=True
        )
    return None


def is_void(state: Health, now: float) -> bool:
    """Whether a blind observer should forget that it found this check down."""
    return not state.up and _is_fresh(state, now) and state.fault is not None and state.fault.is_absence


def _hears_nobody(snapshot: Snapshot, policy: Policy, now: float) -> bool:
    """Known in half the time after which one node counts as silent: before anybody is taken out for it."""
    others = [at for node, at in snapshot.heard_at.items() if node != policy.observer]
    return len(others) > 1 and max(others) < now - policy.silence_seconds / 2


def _is_answered_by_nobody(snapshot: Snapshot, policy: Policy, silent: frozenset[str], now: float) -> bool:
    """Whether all others that should answer, two at least, have lately stopped to."""
    missed = 0
    for node, lines in policy.lines.items():
        if node in silent or _has_long_been_down(lines, snapshot.health, now):
            continue
        if not _misses_all(lines, snapshot.health):
            return False
        missed += 1
    return missed > 1


def _has_long_been_down(lines: tuple[Target, ...], health: Mapping[Target, Health], now: float) -> bool:
    return all(not (state := health.get(one, UNKNOWN)).up and not _is_fresh(state, now) for one in lines)


def _misses_all(lines: tuple[Target, ...], health: Mapping[Target, Health]) -> bool:
    states = [health.get(one, UNKNOWN) for one in lines]
    return all(
        (not one.up or one.run > 0) and one.fault is not None and one.fault.is_absence for one in states
    )


def _is_fresh(state: Health, now: float) -> bool:
    return now - state.since <= REGRET_SECONDS
