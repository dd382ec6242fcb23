"""One cycle of the decision."""

from collections.abc import Mapping, Set

from failover.decide.diagnosis import Diagnosis
from failover.decide.doubt import find_doubt, silent_nodes
from failover.decide.fold import fold
from failover.decide.model import Change, Decision, GroupKey, Health, Plan, Policy, Snapshot, Target
from failover.decide.selfseen import Heard, heed
from failover.decide.standing import Circumstances, stand
from failover.decide.vantage import named
from failover.decide.words import group_changes, node_changes, suspicions


def decide(snapshot: Snapshot, policy: Policy, now: float) -> Decision:
    """Fold the results into health, health into standings, and say what changed and why."""
    silent = silent_nodes(snapshot, policy, now)
    doubt = find_doubt(snapshot, policy, silent, now)
    if doubt is not None:
        silent &= snapshot.silent
    health, changed, suspects = fold(snapshot, policy, silent, doubt, now)
    why = doubt.reason if doubt else None
    heard = heed(snapshot, policy)
    concerned = _concerned(snapshot, policy, silent, changed, heard.concerned, why, now)
    if not concerned and silent == snapshot.silent:
        return _decision(snapshot, health, snapshot.plan, silent, (), why, snapshot.due, heard)
    diagnosis = Diagnosis(snapshot, policy, health, silent, heard.complaining)
    at = Circumstances(snapshot, policy, diagnosis, doubt, now)
    plan, due = dict(snapshot.plan), dict(snapshot.due)
    changes = [*suspicions(suspects), *node_changes(snapshot, silent, now)]
    for group in policy.groups:
        if group.key in concerned:
            before = snapshot.plan.get(group.key, {})
            plan[group.key], due[group.key] = stand(group, at)
            changes += group_changes(group.key, before, plan[group.key])
    return _decision(snapshot, health, plan, silent, tuple(changes), why, due, heard)


def _concerned(
    snapshot: Snapshot,
    policy: Policy,
    silent: frozenset[str],
    changed: Set[Target],
    complaining: Set[str],
    doubt: str | None,
    now: float,
) -> Set[GroupKey]:
    """The groups whose standings may be others than in the last cycle."""
    keys = {group.key for group in policy.groups}
    if doubt or snapshot.doubted:
        return keys
    found = {key for key in keys if snapshot.due.get(key, now) <= now}
    for target in changed:
        found |= policy.groups_of_target.get(target, frozenset())
    spoken_of = _nodes_spoken_of(snapshot, policy)
    for node in _nodes_concerned(snapshot, policy, silent) | spoken_of | complaining:
        found |= policy.groups_of_node.get(node, frozenset())
    return found


def _nodes_concerned(snapshot: Snapshot, policy: Policy, silent: frozenset[str]) -> Set[str]:
    """Nodes of which something else is said; with one that falls silent or is heard again, its region."""
    moved = silent ^ snapshot.silent
    regions = {policy.sites[node] for node in moved if node in policy.sites}
    return moved.union(
        *(policy.site_nodes[region] for region in regions),
        _differing(snapshot.self_reports, snapshot.heeded_reports),
        _differing(snapshot.orders, snapshot.heeded_orders),
        _differing(snapshot.overrides, snapshot.heeded_overrides),
    )


def _nodes_spoken_of(snapshot: Snapshot, policy: Policy) -> Set[str]:
    """When any observer says something else: all that anybody, this observer too, finds failing."""
    now, before = snapshot.statements, snapshot.heeded_statements
    if now == before:
        return frozenset()
    ours = {target.node for target, state in snapshot.health.items() if not state.up}
    return {*named(now.values(), policy), *named(before.values(), policy), *ours, *snapshot.silent}


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> Set[str]:
    if one == other:
        return frozenset()
    return {node for node in one.keys() | other.keys() if one.get(node) != other.get(node)}


def _decision(
    snapshot: Snapshot,
    health: Mapping[Target, Health],
    plan: Plan,
    silent: frozenset[str],
    changes: tuple[Change, ...],
    doubt: str | None,
    due: Mapping[GroupKey, float],
    heard: Heard,
) -> Decision:
    return Decision(
        health,
        plan,
        silent,
        changes,
        doubt,
        heeded_reports=snapshot.self_reports,
        heeded_orders=snapshot.orders,
        heeded_overrides=snapshot.overrides,
        heeded_statements=snapshot.statements,
        heeded_vitals=snapshot.vitals,
        complaining=heard.complaining,
        due=due,
    )
