"""Whether all daemons agree that a node is out of service, or in it, and whether it may be taken out. Pure.

All of it is read from what each daemon says of itself (`failover.status.describe`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from failover.decide import floor
from failover.overview import Observer, overview


def objections(observers: Sequence[Observer], node: str, floor_percent: int) -> list[str]:
    """Why `node` must not be taken out of service now; empty when nothing speaks against it."""
    found = (
        _unfit_daemons(observers),
        _overridden(observers, node),
        _empty_pools(observers, node, floor_percent),
    )
    return list(dict.fromkeys(one for some in found for one in some))


def others_out(observers: Sequence[Observer], node: str) -> list[str]:
    """The other nodes that are not wholly in service for everybody, or are to leave it by an order."""
    found = overview(observers)
    unwell = {one.node for one in found.members if not one.healthy} | {one.node for one in found.orders}
    return sorted(unwell - {node})


def still_in(observers: Sequence[Observer], node: str) -> list[str]:
    """What speaks against `node` being out of service for every daemon and every front door."""
    return list(_still_in(observers, node))


def held(observers: Sequence[Observer], node: str) -> list[str]:
    """Why daemons that have the order keep `node` in service all the same: the floor, or a doubt."""
    reasons = [
        f"{one.node}: {pool} on {node} is {standing['reason']}"
        for one in observers
        for pool, kinds in _members(one)
        for standing in kinds.get(node, {}).values()
        if standing.get("ordered_out") and standing["in_service"]
    ]
    return list(dict.fromkeys(reasons))


def not_in(observers: Sequence[Observer], node: str) -> list[str]:
    """What speaks against `node` being in service for every daemon and every front door."""
    return list(dict.fromkeys(_not_in(observers, node)))


def _unfit_daemons(observers: Sequence[Observer]) -> Iterator[str]:
    """Broken orders are no objection: the next order mends them."""
    for one in observers:
        if one.status is None:
            yield f"the daemon of {one.node}: {one.problem or 'gave no answer'}"
        elif doubt := one.status.get("doubt"):
            yield f"the daemon of {one.node} is in doubt: {doubt}"
        elif (one.status.get("maintenance") or {}).get("pause"):
            yield f"the daemon of {one.node} is paused: `mtafleet resume` first"


def _overridden(observers: Sequence[Observer], node: str) -> Iterator[str]:
    """An override stands above orders: under it, a drain would never be heeded."""
    for one in observers:
        found = ((one.status or {}).get("maintenance") or {}).get("overrides", {}).get(node)
        if found and found["to"] == "in":
            yield (
                f"{node} is held in service until {found['until']} by {found['owner']} ({found['reason']}): "
                f"`mtafleet override ENVIRONMENT {node} none` first"
            )


def _empty_pools(observers: Sequence[Observer], node: str, floor_percent: int) -> Iterator[str]:
    """Where too few would be left; pools of the same numbers are named together."""
    found: dict[str, dict[str, None]] = {}
    for one in observers:
        for pool, members in _members(one):
            for kind in dict.fromkeys(kind for kinds in members.values() for kind in kinds):
                serving = {
                    name for name, kinds in members.items() if kind in kinds and _serves_well(kinds[kind])
                }
                total = sum(kind in kinds for kinds in members.values())
                left, least = len(serving - {node}), floor(total, floor_percent)
                if node in members and left < least:
                    said = f"would have {left} of {total} nodes in service, at least {least} must stay"
                    found.setdefault(said, {})[pool] = None
    for said, pools in found.items():
        yield f"{', '.join(pools)} {said}"


def _serves_well(standing: dict[str, object]) -> bool:
    return bool(standing["in_service"] and standing["healthy"] and not standing.get("ordered_out"))


def _still_in(observers: Sequence[Observer], node: str) -> Iterator[str]:
    for one in observers:
        if one.status is None:
            yield f"the daemon of {one.node}: {one.problem or 'gave no answer'}"
            continue
        serving = [
            f"{pool} ({kind})"
            for pool, members in _members(one)
            for kind, standing in members.get(node, {}).items()
            if standing["in_service"]
        ]
        if serving:
            yield f"{one.node} has it in service for {', '.join(serving)}"
        door = one.status.get("haproxy") or {"servers": {}}
        if any(name.endswith(f"/{node}") and of["state"] == "ready" for name, of in door["servers"].items()):
            yield f"the front door of {one.node} still uses it"
        if (view := _view(one, node)) is not None and (view == "in" or _views_error(one)):
            yield f"{one.node} still tells health checkers that it serves{_views_error(one)}"


def _not_in(observers: Sequence[Observer], node: str) -> Iterator[str]:
    for one in observers:
        if one.status is None:
            yield f"the daemon of {one.node}: {one.problem or 'gave no answer'}"
            continue
        if node in ((one.status.get("maintenance") or {}).get("orders") or {}):
            yield f"{one.node} still has the order"
        for pool, members in _members(one):
            for standing in members.get(node, {}).values():
                if not (standing["in_service"] and standing["healthy"]):
                    yield f"{pool} on {node}: {standing['reason']}"
        door = one.status.get("haproxy") or {"servers": {}}
        if any(name.endswith(f"/{node}") and of["state"] != "ready" for name, of in door["servers"].items()):
            yield f"the front door of {one.node} does not use it yet"
        if (view := _view(one, node)) is not None and (view != "in" or _views_error(one)):
            yield f"{one.node} does not tell health checkers yet that it serves{_views_error(one)}"


def _view(observer: Observer, node: str) -> str | None:
    """What this observer's front door tells of `node`; None when it is not asked about it."""
    view: str | None = _views(observer).get("nodes", {}).get(node)
    return view


def _views_error(observer: Observer) -> str:
    error = _views(observer).get("error")
    return f": {error}" if error else ""


def _views(observer: Observer) -> Mapping[str, Any]:
    return (observer.status or {}).get("views") or {}


def _members(observer: Observer) -> list[tuple[str, dict[str, dict[str, dict[str, object]]]]]:
    """Pool -> node -> kind -> standing, as this observer sees it."""
    return list((observer.status or {}).get("pools", {}).items())
