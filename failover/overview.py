"""The fleet's state as its nodes see it, put together from the status of each daemon. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Observer:
    """What could be learnt from one node's daemon."""

    node: str
    site: str
    role: str
    status: Mapping[str, Any] | None
    """As `failover.status.describe` makes it; None when the daemon could not be asked."""
    problem: str = ""
    """Why it could not."""


@dataclass(frozen=True, slots=True)
class NodeLine:
    node: str
    site: str
    role: str
    heard_by: int
    """How many of the other daemons hear it."""
    asked: int
    """How many of the other daemons could be asked."""
    daemon: str
    """`watching`, `in doubt: ...`, or why it could not be asked."""

    @property
    def healthy(self) -> bool:
        return self.daemon == "watching" and self.heard_by == self.asked


@dataclass(frozen=True, slots=True)
class MemberLine:
    """One node's part in one pool."""

    pool: str
    node: str
    kind: str
    """`relay`: its Postfix instance behind HAProxy; `entry`: its address in DNS."""
    in_service_for: int
    asked: int
    reasons: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        return self.in_service_for == self.asked and not self.reasons


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A node that people have taken out of service."""

    node: str
    owner: str
    reason: str
    since: str
    until: str
    """UTC, like `since`."""
    heeded_by: int
    """How many daemons have the order."""
    asked: int


@dataclass(frozen=True, slots=True)
class Overview:
    nodes: tuple[NodeLine, ...]
    members: tuple[MemberLine, ...]
    orders: tuple[OrderLine, ...] = ()

    @property
    def healthy(self) -> bool:
        return all(one.healthy for one in self.nodes) and all(one.healthy for one in self.members)


def overview(observers: Sequence[Observer]) -> Overview:
    """One line per node, one per pool and node, counted over all daemons that answered."""
    answered = [one for one in observers if one.status is not None]
    return Overview(
        tuple(_node_line(one, answered) for one in observers),
        tuple(_member_line(*key, answered) for key in _members(answered)),
        tuple(_order_line(node, answered) for node in _ordered_out(answered)),
    )


def _node_line(node: Observer, answered: Sequence[Observer]) -> NodeLine:
    others = [_entry(one, "nodes", node.node) for one in answered if one.node != node.node]
    views = [view for view in others if view]
    heard_by = sum(not view.get("silent", True) for view in views)
    return NodeLine(node.node, node.site, node.role, heard_by, len(views), _daemon(node))


def _daemon(node: Observer) -> str:
    if node.status is None:
        return node.problem or "gave no answer"
    doubt = node.status.get("doubt")
    if doubt:
        return f"in doubt: {doubt}"
    maintenance = _entry(node, "maintenance")
    if error := maintenance.get("error"):
        return f"cannot read its maintenance orders: {error}"
    pause = maintenance.get("pause")
    return f"paused until {pause['until']} by {pause['owner']}: {pause['reason']}" if pause else "watching"


def _ordered_out(answered: Iterable[Observer]) -> list[str]:
    return sorted({node for one in answered for node in _entry(one, "maintenance", "orders")})


def _order_line(node: str, answered: Sequence[Observer]) -> OrderLine:
    found = [order for one in answered if (order := _entry(one, "maintenance", "orders", node))]
    told = {key: str(found[0][key]) for key in ("owner", "reason", "since", "until")}
    return OrderLine(node, **told, heeded_by=len(found), asked=len(answered))


def _members(answered: Iterable[Observer]) -> list[tuple[str, str, str]]:
    found = {
        (pool, node, kind): None
        for one in answered
        for pool, nodes in (one.status or {}).get("pools", {}).items()
        for node, kinds in nodes.items()
        for kind in kinds
    }
    return list(found)


def _member_line(pool: str, node: str, kind: str, answered: Iterable[Observer]) -> MemberLine:
    found = [_entry(one, "pools", pool, node, kind) for one in answered]
    views = [view for view in found if view]
    reasons = {view["reason"]: None for view in views if not (view["healthy"] and view["in_service"])}
    return MemberLine(pool, node, kind, sum(view["in_service"] for view in views), len(views), tuple(reasons))


def _entry(observer: Observer, *path: str) -> Mapping[str, Any]:
    found: Any = observer.status
    for key in path:
        found = (found or {}).get(key)
    return found or {}
