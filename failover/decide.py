"""The decision: who gets traffic. Pure; all that it knows is in its arguments, time included.

Invariants, each held by a test:

- A group never has fewer members in service than its floor, whatever the probes say.
- A healthy member is only taken out by a maintenance order; one that is out is never brought back before it
  is healthy again.
- An order gives way to failures: no sick member is kept for the floor's sake while a healthy one is out by
  order.
- A check changes its mind only after `fall` failures, or `rise` successes, in a row.
- The same arguments give the same decision, and more failures never bring anybody back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, NamedTuple


class Check(StrEnum):
    """How a target is probed."""

    NOOP = "noop"
    """The persistent session on the probe listener."""
    SESSION = "session"
    """A fresh session on the probe listener."""
    ENTRY = "entry"
    """A fresh session where clients submit: through the node's own front door."""


class Target(NamedTuple):
    node: str
    pool: str
    check: Check


class Result(NamedTuple):
    """One finished probe."""

    target: Target
    good: bool
    reason: str = ""


class GroupKey(NamedTuple):
    """What is steered as one: a pool's instances behind HAProxy, or its entries in DNS."""

    kind: Literal["relay", "entry"]
    pool: str


@dataclass(frozen=True, slots=True)
class Group:
    key: GroupKey
    members: Mapping[str, tuple[Target, ...]]
    """The targets that speak for each node."""
    needs: Literal["all", "any"] = "all"
    """Whether a member is healthy when all of its targets are, or when any is."""


@dataclass(frozen=True, slots=True)
class Threshold:
    fall: int
    rise: int


@dataclass(frozen=True, slots=True)
class Policy:
    observer: str
    """The node that looks; it doubts itself when everybody else seems dead."""
    groups: tuple[Group, ...]
    thresholds: Mapping[Check, Threshold]
    silence_seconds: float
    """Without any sign of life for this long, a node is down at once."""
    floor_percent: int
    most_lag_seconds: float
    """An observer that ran later than this does not trust its own failed probes."""


@dataclass(frozen=True, slots=True)
class Health:
    """What one check has led to; `run` counts results in a row that speak against the present state."""

    up: bool = True
    run: int = 0
    since: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One member's place in a group."""

    in_service: bool = True
    healthy: bool = True
    unhealthy_since: float = 0.0
    reason: str = "healthy"
    ordered_out: bool = False
    """Whether a maintenance order alone speaks against it; the floor may keep it in service all the same."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything observed since the last cycle, and what the last cycle left."""

    results: tuple[Result, ...] = ()
    heard_at: Mapping[str, float] = field(default_factory=dict)
    """Last sign of life by node; only nodes that are watched."""
    self_reports: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What a node itself says is failing on it, in the words of `report_item`."""
    lag_seconds: float = 0.0
    health: Mapping[Target, Health] = field(default_factory=dict)
    plan: Mapping[GroupKey, Mapping[str, Standing]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    heeded_reports: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The self-reports that the last cycle went by."""
    orders: Mapping[str, str] = field(default_factory=dict)
    """Why each node is out of service by a maintenance order in force now."""
    heeded_orders: Mapping[str, str] = field(default_factory=dict)
    """The orders that the last cycle went by."""
    doubted: bool = False
    """Whether the last cycle was in doubt."""


class Kind(StrEnum):
    SUSPECT = "suspect"
    DOWN = "down"
    UP = "up"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different from the last cycle, and why, in one sentence."""

    kind: Kind
    node: str
    pool: str
    scope: str
    """`relay`, `entry`, `node` or the name of a check."""
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    health: Mapping[Target, Health]
    plan: Mapping[GroupKey, Mapping[str, Standing]]
    silent: frozenset[str]
    changes: tuple[Change, ...]
    doubt: str | None = None
    """Why this observer trusts no failure it saw in this cycle; None when it does."""
    heeded_reports: Mapping[str, frozenset[str]] = field(default_factory=dict)
    heeded_orders: Mapping[str, str] = field(default_factory=dict)

    @property
    def plan_changed(self) -> bool:
        return any(change.kind in (Kind.DOWN, Kind.UP) and change.scope != "node" for change in self.changes)


def decide(snapshot: Snapshot, policy: Policy, now: float) -> Decision:
    """Fold the results into health, health into standings, and say what changed and why."""
    silent = _silent(snapshot, policy, now)
    doubt = _doubt(snapshot, policy, silent)
    if doubt is not None:
        silent &= snapshot.silent
    health, suspects = _fold(snapshot, policy, silent, doubt is not None, now)
    if (
        doubt is None
        and not suspects
        and health == snapshot.health
        and _nothing_else_is_new(snapshot, silent)
    ):
        return Decision(
            snapshot.health, snapshot.plan, silent, (), None, snapshot.self_reports, snapshot.orders
        )
    plan = {group.key: _stand(group, snapshot, policy, health, silent, doubt, now) for group in policy.groups}
    changes = (
        *suspects,
        *_node_changes(snapshot, silent, now),
        *(change for key in plan for change in _group_changes(key, snapshot.plan.get(key, {}), plan[key])),
    )
    return Decision(health, plan, silent, changes, doubt, snapshot.self_reports, snapshot.orders)


def _nothing_else_is_new(snapshot: Snapshot, silent: frozenset[str]) -> bool:
    """Whether standings can only be what they were, given that no check's health has changed."""
    return (
        bool(snapshot.plan)
        and not snapshot.doubted
        and silent == snapshot.silent
        and snapshot.self_reports == snapshot.heeded_reports
        and snapshot.orders == snapshot.heeded_orders
    )


def floor(members: int, percent: int) -> int:
    """How many of `members` must stay in service: at least one, rounded up."""
    return max(1, -(-members * percent // 100))


def _silent(snapshot: Snapshot, policy: Policy, now: float) -> frozenset[str]:
    oldest = now - policy.silence_seconds
    return frozenset(node for node, at in snapshot.heard_at.items() if at < oldest)


def _doubt(snapshot: Snapshot, policy: Policy, silent: frozenset[str]) -> str | None:
    if snapshot.lag_seconds > policy.most_lag_seconds:
        return f"this observer itself ran {snapshot.lag_seconds * 1000:.0f} ms late"
    others = snapshot.heard_at.keys() - {policy.observer}
    if len(others) > 1 and others <= silent:
        return "no other node can be heard: this observer is cut off"
    return None


def _fold(
    snapshot: Snapshot, policy: Policy, silent: frozenset[str], doubting: bool, now: float
) -> tuple[dict[Target, Health], list[Change]]:
    health = dict(snapshot.health)
    suspects: list[Change] = []
    for result in snapshot.results:
        before = health.get(result.target, _UNKNOWN)
        if doubting and not result.good:
            continue
        after = _next_health(before, result, policy.thresholds[result.target.check], now)
        if after is not before:
            health[result.target] = after
            if not result.good and after.up and after.run == 1:
                suspects.append(_suspect(result))
    for target in _targets_of(policy, silent):
        before = health.get(target, _UNKNOWN)
        if before.up or before.run:
            health[target] = Health(up=False, since=now, reason="its node is silent")
    return health, suspects


def _targets_of(policy: Policy, nodes: frozenset[str]) -> set[Target]:
    if not nodes:
        return set()
    return {target for group in policy.groups for node in nodes for target in group.members.get(node, ())}


_UNKNOWN = Health()


def _suspect(result: Result) -> Change:
    node, pool, check = result.target
    return Change(
        Kind.SUSPECT,
        node,
        pool,
        check,
        f"The {_PROBE_NAMES[check]} of {pool} on {node} failed: {result.reason}.",
    )


def _next_health(before: Health, result: Result, threshold: Threshold, now: float) -> Health:
    if result.good == before.up:
        return before if before.run == 0 else replace(before, run=0)
    run = before.run + 1
    if run < (threshold.fall if before.up else threshold.rise):
        return replace(before, run=run)
    return Health(up=result.good, since=now, reason="" if result.good else result.reason)


def _stand(
    group: Group,
    snapshot: Snapshot,
    policy: Policy,
    health: Mapping[Target, Health],
    silent: frozenset[str],
    doubt: str | None,
    now: float,
) -> dict[str, Standing]:
    """Where each member stands: those longest unhealthy go first, then those ordered out.

    Nobody goes below the floor.
    """
    before = snapshot.plan.get(group.key, {})
    faults = {
        node: _fault(group, node, targets, snapshot, health, silent)
        for node, targets in group.members.items()
    }
    since = {
        node: was.unhealthy_since if (was := before.get(node)) and not was.healthy else now
        for node, fault in faults.items()
        if fault
    }
    may_leave = len(group.members) - floor(len(group.members), policy.floor_percent)
    standings = {node: Standing() for node, fault in faults.items() if not fault}
    for node in sorted(since, key=lambda one: (_in_service(before, one), since[one], one)):
        was_in = _in_service(before, node)
        leaves = may_leave > 0 and not (was_in and doubt)
        may_leave -= leaves
        reason = faults[node] if leaves else f"{faults[node]}, {_why_held(doubt, was_in)}"
        standings[node] = Standing(not leaves, False, since[node], reason)
    ordered = [node for node in standings if standings[node].healthy and node in snapshot.orders]
    for node in sorted(ordered, key=lambda one: (_in_service(before, one), one)):
        was_in = _in_service(before, node)
        leaves = may_leave > 0 and not (was_in and doubt)
        may_leave -= leaves
        order = snapshot.orders[node]
        reason = order if leaves else f"{order}, {_why_held(doubt, was_in)}"
        standings[node] = Standing(not leaves, reason=reason, ordered_out=True)
    return {node: standings[node] for node in group.members}


def _in_service(plan: Mapping[str, Standing], node: str) -> bool:
    return node not in plan or plan[node].in_service


def _why_held(doubt: str | None, was_in: bool) -> str:
    if doubt and was_in:
        return f"but kept because {doubt}"
    return "but kept because too few would be left"


def _fault(
    group: Group,
    node: str,
    targets: tuple[Target, ...],
    snapshot: Snapshot,
    health: Mapping[Target, Health],
    silent: frozenset[str],
) -> str:
    """Why `node` should not serve in `group`; empty when nothing speaks against it."""
    if node in silent:
        return "nothing is heard from the node"
    reported = snapshot.self_reports.get(node, frozenset())
    down = {
        target: "the node itself reports it as failing" if report_item(target) in reported else state.reason
        for target in targets
        if not (state := health.get(target, _UNKNOWN)).up or report_item(target) in reported
    }
    if group.needs == "any" and len(down) < len(targets):
        return ""
    return "; ".join(
        dict.fromkeys(f"{_PROBE_NAMES[target.check]}: {reason}" for target, reason in down.items())
    )


def report_item(target: Target) -> str:
    """What a node says in its heartbeats when it finds `target`, on itself, to be failing."""
    return f"entry:{target.pool}" if target.check is Check.ENTRY else target.pool


_PROBE_NAMES = {
    Check.NOOP: "SMTP probe",
    Check.SESSION: "SMTP probe",
    Check.ENTRY: "probe through the front door",
}


def _node_changes(snapshot: Snapshot, silent: frozenset[str], now: float) -> Iterable[Change]:
    for node in sorted(silent - snapshot.silent):
        gap = (now - snapshot.heard_at[node]) * 1000
        yield Change(Kind.DOWN, node, "", "node", f"Nothing was heard from {node} for {gap:.0f} ms.")
    for node in sorted(snapshot.silent - silent):
        yield Change(Kind.UP, node, "", "node", f"{node} is heard again.")


def _group_changes(
    key: GroupKey, before: Mapping[str, Standing], after: Mapping[str, Standing]
) -> Iterable[Change]:
    what = f"{key.pool} instance" if key.kind == "relay" else f"{key.pool} entry"
    for node, now_standing in after.items():
        was = before.get(node, _IN_SERVICE)
        if now_standing.in_service != was.in_service:
            kind = Kind.UP if now_standing.in_service else Kind.DOWN
            verb = "goes back into service" if now_standing.in_service else "leaves service"
            yield Change(
                kind, node, key.pool, key.kind, f"The {what} on {node} {verb}: {now_standing.reason}."
            )
        elif now_standing.in_service and _unwanted(now_standing) and not _unwanted(was):
            yield Change(
                Kind.HELD, node, key.pool, key.kind, f"The {what} on {node} stays: {now_standing.reason}."
            )


def _unwanted(standing: Standing) -> bool:
    return standing.ordered_out or not standing.healthy


_IN_SERVICE = Standing()
