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
class ViewLine:
    """What health checkers are told of one node."""

    node: str
    told: Mapping[str, tuple[str, ...]]
    """By answer (`in`, `out`, `unknown`) those who give it."""
    problems: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return set(self.told) <= {"in"} and not self.problems

    @property
    def disputed(self) -> bool:
        return len(self.told) > 1


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


STORE_FAILING_SECONDS = 5.0
"""The shared store may be without a leader for a moment; longer than this, people should know."""


@dataclass(frozen=True, slots=True)
class WriterLine:
    """Who may write DNS, and whether the shared store that says so can be asked."""

    holder: str
    """Empty when nobody is known to hold the lease."""
    epoch: int
    """The highest that any daemon knows."""
    unable: tuple[str, ...]
    """Nodes that may write DNS but have not reached the store for some time."""
    unable_seconds: float
    """For how long, by the one that has gone without longest; 0 when all reach it."""
    reason: str
    """Why they cannot, in the words of one of them."""
    known_from: str = ""
    """Who says that the holder renews its lease, where the holder itself could not be asked."""

    @property
    def healthy(self) -> bool:
        return bool(self.holder) and not self.unable

    @property
    def sentence(self) -> str:
        """The whole in one line."""
        told = "stays as it is: no writer"
        if self.holder:
            source = f", as {self.known_from} knows it" if self.known_from else ""
            told = f"written by {self.holder} under epoch {self.epoch}{source}"
        if not self.unable:
            return told
        who = ", ".join(self.unable)
        return f"{told}; {who} without the shared store for {self.unable_seconds:.0f} s: {self.reason}"


@dataclass(frozen=True, slots=True)
class CheckLine:
    """Something that slow checks found wrong. It is told; whether mail flows is not judged by it."""

    check: str
    subject: str
    said: str
    seen_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    nodes: tuple[NodeLine, ...]
    members: tuple[MemberLine, ...]
    orders: tuple[OrderLine, ...] = ()
    views: tuple[ViewLine, ...] = ()
    writer: WriterLine | None = None
    """None when no daemon that may write DNS answered."""
    checks: tuple[CheckLine, ...] = ()

    @property
    def healthy(self) -> bool:
        lines: list[NodeLine | MemberLine | ViewLine] = [*self.nodes, *self.members, *self.views]
        writable = self.writer is None or self.writer.healthy
        return writable and all(one.healthy for one in lines)


def overview(observers: Sequence[Observer]) -> Overview:
    """One line per node, one per pool and node, counted over all daemons that answered."""
    answered = [one for one in observers if one.status is not None]
    return Overview(
        tuple(_node_line(one, answered) for one in observers),
        tuple(_member_line(*key, answered) for key in _members(answered)),
        tuple(_order_line(node, answered) for node in _ordered_out(answered)),
        tuple(_view_line(one.node, answered) for one in observers if _told_of(one.node, answered)),
        _writer_line(answered),
        _check_lines(answered),
    )


def _check_lines(answered: Sequence[Observer]) -> tuple[CheckLine, ...]:
    """What is bad by slow checks, and what nodes complain of; who says the same is named together."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for one in answered:
        for check in (one.status or {}).get("checks") or ():
            if check["state"] == "bad":
                said.setdefault((check["check"], check["subject"], check["said"]), []).append(one.node)
        for node, complaints in (_entry(one, "vitals", "complaints")).items():
            for complaint in complaints:
                key = (complaint["ailment"], node, _complaint(complaint))
                said.setdefault(key, []).append(one.node)
    return tuple(CheckLine(*key, tuple(names)) for key, names in sorted(said.items()))


def _complaint(complaint: Mapping[str, Any]) -> str:
    common = "; most nodes say so, it counts against none" if complaint["common"] else ""
    return f"{complaint['reason']}{common}"


def _writer_line(answered: Sequence[Observer]) -> WriterLine | None:
    leases = {one.node: lease for one in answered if (lease := _entry(one, "dns", "lease"))}
    if not leases:
        return None
    failing = {
        node: seconds
        for node, lease in leases.items()
        if (seconds := lease.get("failing_seconds") or 0.0) > STORE_FAILING_SECONDS
    }
    longest = max(failing, key=lambda node: failing[node], default="")
    holder, known_from = _holder(leases)
    return WriterLine(
        holder=holder,
        epoch=max(int(lease["epoch"]) for lease in leases.values()),
        unable=tuple(failing),
        unable_seconds=failing.get(longest, 0.0),
        reason=str(leases[longest]["error"]) if longest else "",
        known_from=known_from,
    )


def _holder(leases: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Who writes DNS, and who knows it where the writer did not answer; both empty when nobody does."""
    if held := next((node for node, lease in leases.items() if lease["held"]), ""):
        return held, ""
    told = [
        (lease["epoch"], lease["holder"], node)
        for node, lease in leases.items()
        if lease.get("alive") and lease["holder"] not in leases
    ]
    _, holder, known_from = max(told, default=(0, "", ""))
    return holder, known_from


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


def _told_of(node: str, answered: Iterable[Observer]) -> dict[str, str]:
    """What each observer tells of `node`, by its name."""
    found = {one.node: _entry(one, "views", "nodes").get(node) for one in answered}
    return {observer: view for observer, view in found.items() if view}


def _view_line(node: str, answered: Sequence[Observer]) -> ViewLine:
    views = _told_of(node, answered)
    told = {said: tuple(one for one in views if views[one] == said) for said in sorted(set(views.values()))}
    errors = {one.node: _entry(one, "views").get("error") for one in answered if one.node in views}
    return ViewLine(node, told, tuple(f"{one}: {error}" for one, error in errors.items() if error))


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
