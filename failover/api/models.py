"""What the API takes and gives, as pydantic models: its description is generated from them.

What comes from the daemon passes through as the daemon tells it, keys that a newer daemon adds included; the
models say what every daemon of this version has.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from failover.history import MOST_ENTRIES
from failover.orders import MOST_OWNER_CHARACTERS, MOST_REASON_CHARACTERS

LONGEST_SECONDS = 90 * 24 * 3600


class _Told(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(extra="allow", frozen=True)


class _Asked(BaseModel):
    """Part of a request; what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Problem(_Told):
    """Why a request was not served (RFC 9457)."""

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str
    elsewhere: dict[str, str] | None = Field(
        None, description="Of an order that not every node took: by other node `ordered`, or why not."
    )


class OrderView(_Told):
    owner: str
    reason: str
    since: str = Field(description="UTC, such as 2026-05-04T10:00:00Z")
    until: str


class OverrideView(OrderView):
    to: Literal["in", "out"]


class Orders(_Told):
    """All that is ordered on this node."""

    orders: dict[str, OrderView] = Field(description="Drains by node.")
    overrides: dict[str, OverrideView] = {}
    pause: OrderView | None = None
    elsewhere: dict[str, str] = Field({}, description="By other node: `ordered`.")


class Maintenance(Orders):
    error: str | None = Field(description="Why the file of orders does not count.")


class NodeView(_Told):
    site: str
    role: str
    watched: bool = Field(True, description="Whether this node's daemon looks at it itself.")
    silent: bool
    heard_seconds_ago: float


class MemberView(_Told):
    in_service: bool
    healthy: bool
    reason: str
    ordered_out: bool
    fault: str | None
    weight_percent: int
    level: int


class Status(_Told):
    """All that this node's daemon knows: what `mtafleet-failover status --json` prints on it."""

    node: str
    uptime_seconds: float
    most_lag_milliseconds: float
    doubt: str | None = Field(description="Why failures seen now do not count.")
    nodes: dict[str, NodeView]
    pools: dict[str, dict[str, dict[str, MemberView]]] = Field(
        description="By pool, node and part: `relay` behind HAProxy, `entry` in DNS."
    )
    canaries: dict[str, dict[str, Any]] = Field(
        {}, description="By pool: what became of the messages by which the node tries its instances."
    )
    haproxy: dict[str, Any] | None
    dns: dict[str, Any] | None
    views: dict[str, Any] | None
    maintenance: Maintenance
    recent: list[dict[str, Any]]


class ViewOfNode(_Told):
    in_service: bool
    reason: str
    fault: str | None
    weight_percent: int
    parts: list[str]
    said_by: list[str]


class ExplanationOfNode(_Told):
    node: str
    verdict: str
    views: list[ViewOfNode]
    notes: list[str]
    events: list[str]


class Explanations(_Told):
    """Why each node is in or out, as this node's daemon sees it."""

    notes: list[str]
    nodes: list[ExplanationOfNode]


class Entry(_Told):
    at: float = Field(description="Seconds since 1970.")
    by: str = Field(description="The person whose order it was, else the daemon.")
    observer: str
    kind: str
    reason: str
    node: str | None = None
    pool: str | None = None
    scope: str | None = None
    before: Any = None
    after: Any = None


class History(_Told):
    """What this node's daemon did and was ordered, newest last."""

    entries: list[Entry]


class HistoryQuery(_Asked):
    """What of the history is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    since: float = Field(0.0, ge=0, description="Seconds since 1970.")
    limit: int = Field(100, ge=1, le=MOST_ENTRIES, description="How many of the last.")
    node: str | None = Field(None, description="About this node alone.")
    everything: bool = Field(False, description="Evidence too: suspicions, doubts, troubles.")


class NodeQuery(_Asked):
    """Whom an explanation is about."""

    node: str | None = Field(None, description="This node alone.")


class OrderQuery(_Asked):
    """Where an order holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    everywhere: bool = Field(False, description="Give it to all other nodes of the fleet too.")


class Signed(_Asked):
    """Who orders something, why and for how long."""

    owner: str = Field(min_length=1, max_length=MOST_OWNER_CHARACTERS, examples=["ada@ops-1"])
    reason: str = Field(min_length=1, max_length=MOST_REASON_CHARACTERS, examples=["the network is moved"])
    seconds: int = Field(ge=1, le=LONGEST_SECONDS, description="Ends by itself after.", examples=[1800])


class OverrideOrder(Signed):
    """As `Signed`, with where the node is to be."""

    to: Literal["in", "out"] = Field(examples=["in"])
