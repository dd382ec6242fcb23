"""From results of probes to the health of each check. Pure."""

from collections.abc import Mapping, Sequence, Set
from itertools import chain
from typing import NamedTuple

from failover.decide.doubt import Doubt, is_void
from failover.decide.faults import Fault
from failover.decide.model import UNKNOWN, Health, Policy, Result, Snapshot, Target, Threshold


class Folded(NamedTuple):
    health: Mapping[Target, Health]
    changed: Set[Target]
    """Checks whose health is not what it was, a count under suspicion included."""
    suspects: Sequence[Result]
    """Failures that have made a check suspect."""


def fold(
    snapshot: Snapshot, policy: Policy, silent: frozenset[str], doubt: Doubt | None, now: float
) -> Folded:
    """The health of every check now."""
    health = dict(snapshot.health)
    changed: set[Target] = set()
    suspects: list[Result] = []
    if doubt is not None and doubt.blind:
        changed |= _forget(health, policy, now)
    for result in snapshot.results:
        before = health.get(result.target, UNKNOWN)
        threshold = policy.thresholds[result.target.check]
        if doubt is None or result.good:
            after = _next_health(before, result, threshold, now)
        elif doubt.blind:
            after = _kept_suspect(before, result, threshold)
        else:
            continue
        if after is not before:
            health[result.target] = after
            changed.add(result.target)
            if not result.good and after.up and before.run == 0:
                suspects.append(result)
    for target in chain.from_iterable(policy.targets_of_node.get(node, ()) for node in silent):
        before = health.get(target, UNKNOWN)
        if before.up or before.run:
            health[target] = Health(up=False, since=now, reason=_SILENT, fault=Fault.BLACK_HOLE)
        elif _worsens(before, Fault.BLACK_HOLE):
            health[target] = before._replace(fault=Fault.BLACK_HOLE)
        else:
            continue
        changed.add(target)
    return Folded(health if changed else snapshot.health, changed, suspects)


_SILENT = "its node is silent"


def _forget(health: dict[Target, Health], policy: Policy, now: float) -> set[Target]:
    """Undo what a blind observer believed to see before it knew better; those checks stay under suspicion."""
    void = {target for target, state in health.items() if is_void(state, now)}
    for target in void:
        state, run = health[target], max(1, policy.thresholds[target.check].fall - 1)
        health[target] = Health(run=run, since=now, reason=state.reason, fault=state.fault)
    return void


def _kept_suspect(before: Health, result: Result, threshold: Threshold) -> Health:
    """A failure seen blindly takes nothing down, but is remembered until an answer comes."""
    if not before.up:
        return before
    run = max(1, min(before.run + 1, threshold.fall - 1))
    if run == before.run and result.fault == before.fault:
        return before
    return before._replace(run=run, fault=result.fault)


def _next_health(before: Health, result: Result, threshold: Threshold, now: float) -> Health:
    if result.good == before.up:
        if not result.good and _worsens(before, result.fault):
            return before._replace(run=0, reason=result.reason, fault=result.fault)
        return before if before.run == 0 else before._replace(run=0)
    run = before.run + 1
    if run < (threshold.fall if before.up else threshold.rise):
        return before._replace(run=run, fault=result.fault if before.up else before.fault)
    if result.good:
        return Health(since=now)
    return Health(up=False, since=now, reason=result.reason, fault=result.fault)


def _worsens(state: Health, fault: Fault) -> bool:
    return state.fault is None or fault.severity > state.fault.severity
