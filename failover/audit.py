"""What an event says beside its sentence for those who look at it later: who, before, after. Pure."""

from typing import Any

from failover.decide import Change, GroupKey, Plan, Standing
from failover.orders import NodeOverride, Order

_PARTS = ("relay", "entry")


def moved(change: Change, before: Plan, after: Plan) -> dict[str, str]:
    """Where the member that `change` is about was and is; nothing when it is about no member."""
    if change.scope not in _PARTS:
        return {}
    key = GroupKey("relay" if change.scope == "relay" else "entry", change.pool)
    return {"before": _place(before, key, change.node), "after": _place(after, key, change.node)}


def ordered(before: Order | NodeOverride | None, after: Order | NodeOverride | None) -> dict[str, Any]:
    """Who ordered `after`, in one sentence each what was in force before and is now."""
    told: dict[str, Any] = {
        "before": before.sentence if before else None,
        "after": after.sentence if after else None,
    }
    if after is None:
        return told
    return {"by": (after.order if isinstance(after, NodeOverride) else after).owner, **told}


def _place(plan: Plan, key: GroupKey, node: str) -> str:
    standing = plan.get(key, {}).get(node, Standing())
    if not standing.in_service:
        return "out of service"
    share = f" with {standing.weight_percent} % of its weight" if standing.weight_percent < 100 else ""
    return f"in service{share}"
