"""The routes: what is asked for, by whom, what it takes and gives. All else follows from this table."""

from dataclasses import dataclass
from urllib.parse import unquote

from pydantic import BaseModel

from failover.api.http import HttpError
from failover.api.models import (
    Explanations,
    History,
    HistoryQuery,
    NodeQuery,
    OrderQuery,
    Orders,
    OverrideOrder,
    Signed,
    Status,
)
from fleet.api_tokens import ApiRole

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
READER, OPERATOR = ApiRole.READER, ApiRole.OPERATOR


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path. `name` is the handler's, and the operation's in the description."""

    method: str
    path: str
    """`{node}` stands for a node's name."""
    role: ApiRole
    name: str
    summary: str
    gives: type[BaseModel] | None = None
    """None: `content_type` tells what."""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    content_type: str = "application/json"


ROUTES = (
    Route("GET", "/v1/status", READER, "status", "All that this node's failover daemon knows", Status),
    Route(
        "GET",
        "/v1/explain",
        READER,
        "explain",
        "Why each node is in or out, in the daemon's own sentences",
        Explanations,
        NodeQuery,
    ),
    Route(
        "GET", "/v1/history", READER, "history", "What the daemon did and was ordered", History, HistoryQuery
    ),
    Route("GET", "/metrics", READER, "metrics", "For Prometheus", content_type=METRICS_TYPE),
    Route("GET", "/openapi.json", READER, "describe", "This description"),
    Route(
        "PUT", "/v1/pause", OPERATOR, "pause", "Decide and tell, act on nothing", Orders, OrderQuery, Signed
    ),
    Route("DELETE", "/v1/pause", OPERATOR, "resume", "Act again", Orders, OrderQuery),
    Route(
        "PUT",
        "/v1/drains/{node}",
        OPERATOR,
        "drain",
        "Take a node out of service gently: it gives way to failures",
        Orders,
        OrderQuery,
        Signed,
    ),
    Route(
        "DELETE",
        "/v1/drains/{node}",
        OPERATOR,
        "undrain",
        "Let a drained node serve again",
        Orders,
        OrderQuery,
    ),
    Route(
        "PUT",
        "/v1/overrides/{node}",
        OPERATOR,
        "override",
        "Have a node in or out whatever the daemon sees; no pool goes below its floor",
        Orders,
        OrderQuery,
        OverrideOrder,
    ),
    Route(
        "DELETE",
        "/v1/overrides/{node}",
        OPERATOR,
        "release",
        "Let the daemon judge a node again",
        Orders,
        OrderQuery,
    ),
)


@dataclass(frozen=True, slots=True)
class Match:
    route: Route
    node: str | None


def find(method: str, path: str) -> Match:
    """The route of a request; HttpError 404 or 405 when there is none."""
    found = {route.method: Match(route, node) for route in ROUTES if (node := _fits(route, path)) is not None}
    if not found:
        raise HttpError(404, f"there is nothing at {path[:200]}")
    if method not in found:
        allowed = ", ".join(sorted(found))
        raise HttpError(405, f"{method} is not for {path[:200]}: {allowed}", {"Allow": allowed})
    match = found[method]
    return Match(match.route, match.node or None)


def _fits(route: Route, path: str) -> str | None:
    """The node's name in `path`, empty where the route has none; None when it is not this route's."""
    before, placeholder, _ = route.path.partition("{node}")
    if not placeholder:
        return "" if path == route.path else None
    name = unquote(path.removeprefix(before)) if path.startswith(before) else ""
    return name if name and "/" not in name else None


def responses(route: Route) -> dict[int, str]:
    """The statuses that may be answered besides 200, and what they say."""
    found = {401: "No token, or nobody's", 503: "The daemon cannot be asked, or the order not be written"}
    if route.role is OPERATOR:
        found |= {403: "A reader's token", 502: "Ordered here, but not on every other node"}
    if route.query or route.body:
        found |= {422: "The request does not fit its model"}
    if "{node}" in route.path:
        found |= {404: "There is no such node"}
    if route.body:
        found |= {413: "The body is too large", 415: "The body is not JSON"}
    return dict(sorted(found.items()))
