"""One cycle of the decision."""

from collections.abc import Mapping

from failover.decide.diagnosis import Diagnosis
from failover.decide.doubt import find_doubt, silent_nodes
from failover.decide.fold import fold
from failover.decide.model import Change, Decision, Health, Plan, Policy, Snapshot, Target
from failover.decide.standing import Circumstances, stand
from failover.decide.words import group_changes, node_changes, suspicions


def decide(snapshot: Snapshot, policy: Policy, now: float) -> Decision:
    """Fold the results into health, health into standings, and say what changed and why."""
    silent = silent_nodes(snapshot, policy, now)
    doubt = find_doubt(snapshot, policy, silent, now)
    if doubt is not None:
        silent &= snapshot.silent
    health, suspects = fold(snapshot, policy, silent, doubt, now)
    why = doubt.reason if doubt else None
    if not suspects and health == snapshot.health and _nothing_else_is_new(snapshot, silent, why, now):
        return _decision(snapshot, snapshot.health, snapshot.plan, silent, (), why, snapshot.due_at)
    at = Circumstances(snapshot, policy, Diagnosis(snapshot, policy, health, silent), why, now)
    stood = {group.key: stand(group, at) for group in policy.groups}
    plan = {key: standings for key, (standings, _) in stood.items()}
    changes = (
        *suspicions(suspects),
        *node_changes(snapshot, silent, now),
        *(change for key in plan for change in group_changes(key, snapshot.plan.get(key, {}), plan[key])),
    )
    due_at = min((due for _, due in stood.values()), default=float("inf"))
    return _decision(snapshot, health, plan, silent, changes, why, due_at)


def _nothing_else_is_new(snapshot: Snapshot, silent: frozenset[str], doubt: str | None, now: float) -> bool:
    """Whether standings can only be what they were, given that no check's health has changed."""
    return (
        now < snapshot.due_at
        and doubt is None
        and not snapshot.doubted
        and silent == snapshot.silent
        and snapshot.self_reports == snapshot.heeded_reports
        and snapshot.orders == snapshot.heeded_orders
        and snapshot.overrides == snapshot.heeded_overrides
        and snapshot.agreed_regions == snapshot.heeded_regions
    )


def _decision(
    snapshot: Snapshot,
    health: Mapping[Target, Health],
    plan: Plan,
    silent: frozenset[str],
    changes: tuple[Change, ...],
    doubt: str | None,
    due_at: float,
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
        heeded_regions=snapshot.agreed_regions,
        due_at=due_at,
    )
