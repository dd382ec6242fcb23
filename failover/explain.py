"""Why each node is in or out, in the daemons' own sentences. Pure.

Daemons that say the same are named together, and so are the parts of a node of which the same is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from failover.overview import Observer

PARTS = {"relay": "instance", "entry": "entry"}
MOST_EVENTS = 5


@dataclass(frozen=True, slots=True)
class View:
    """What some daemons say of some parts of one node."""

    in_service: bool
    reason: str
    fault: str | None
    weight_percent: int
    parts: tuple[str, ...]
    """Such as `transactional instance`."""
    said_by: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """One line."""
        place = "in service" if self.in_service else "OUT"
        share = f" at {self.weight_percent} % of its weight" if 0 < self.weight_percent < 100 else ""
        fault = f" [{self.fault}]" if self.fault else ""
        return (
            f"{place}{share}: {self.reason}{fault} ({', '.join(self.parts)}; "
            f"{'says' if len(self.said_by) == 1 else 'say'} {', '.join(self.said_by)})"
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """One node's place, and why."""

    node: str
    verdict: str
    """`in service`, `out`, `partly out`, or `divided` when daemons differ over one part."""
    views: tuple[View, ...]
    notes: tuple[str, ...]
    """What people have ordered, and what is wrong with the node's own daemon."""
    events: tuple[str, ...]
    """What daemons have lately recorded of it, newest last."""


def explain(observers: Sequence[Observer], node: str | None = None) -> tuple[Explanation, ...]:
    """One explanation for each node that carries mail, or for `node` alone."""
    names = dict.fromkeys(name for one in observers for members in _pools(one).values() for name in members)
    return tuple(_explain(observers, name) for name in sorted(names) if node in (None, name))


def fleet_notes(observers: Sequence[Observer]) -> tuple[str, ...]:
    """What holds for the whole fleet: pauses, doubts, daemons that cannot be asked."""
    return tuple(dict.fromkeys(_fleet_notes(observers)))


def _fleet_notes(observers: Sequence[Observer]) -> Iterator[str]:
    for one in observers:
        if one.status is None:
            yield f"the daemon of {one.node} cannot be asked: {one.problem or 'it gave no answer'}"
            continue
        if doubt := one.status.get("doubt"):
            yield f"the daemon of {one.node} takes nobody out: {doubt}"
        for check in one.status.get("checks") or ():
            if check["state"] == "bad" and not check["node"]:
                yield f"{check['check']}: {check['said']} (seen by {one.node})"
        if pause := _maintenance(one).get("pause"):
            yield (
                f"the daemon of {one.node} acts on nothing until {pause['until']}, "
                f"by {pause['owner']}: {pause['reason']}"
            )


def _explain(observers: Sequence[Observer], node: str) -> Explanation:
    views = _views(observers, node)
    return Explanation(
        node,
        _verdict(views),
        views,
        tuple(dict.fromkeys(_notes(observers, node))),
        _events(observers, node),
    )


def _views(observers: Sequence[Observer], node: str) -> tuple[View, ...]:
    said: dict[tuple[str, _Words], list[str]] = {}
    for one in observers:
        for pool, members in _pools(one).items():
            for kind, standing in members.get(node, {}).items():
                said.setdefault((f"{pool} {PARTS.get(kind, kind)}", _words(standing)), []).append(one.node)
    together: dict[tuple[_Words, tuple[str, ...]], list[str]] = {}
    for (part, words), names in said.items():
        together.setdefault((words, tuple(names)), []).append(part)
    found = [View(*words, tuple(parts), names) for (words, names), parts in together.items()]
    return tuple(sorted(found, key=lambda view: (view.in_service, view.parts, view.said_by)))


_Words = tuple[bool, str, str | None, int]


def _words(standing: Mapping[str, Any]) -> _Words:
    in_service = bool(standing["in_service"])
    return (
        in_service,
        str(standing["reason"]),
        standing.get("fault"),
        int(standing.get("weight_percent", 100 if in_service else 0)),
    )


def _verdict(views: Sequence[View]) -> str:
    inside = {part for view in views if view.in_service for part in view.parts}
    outside = {part for view in views if not view.in_service for part in view.parts}
    if not outside:
        return "in service"
    if inside & outside:
        return "divided"
    return "partly out" if inside else "out"


def _notes(observers: Sequence[Observer], node: str) -> Iterator[str]:
    for one in observers:
        if order := (_maintenance(one).get("orders") or {}).get(node):
            yield f"ordered out until {order['until']} by {order['owner']}: {order['reason']}"
        if override := (_maintenance(one).get("overrides") or {}).get(node):
            yield (
                f"overridden to be {override['to']} until {override['until']} by {override['owner']}: "
                f"{override['reason']}"
            )
        yield from _said_notes(one, node)
        if one.node == node and one.status is None:
            yield f"its own daemon cannot be asked: {one.problem or 'it gave no answer'}"


def _said_notes(observer: Observer, node: str) -> Iterator[str]:
    """What the node complains of although it counts against nobody, and what slow checks found wrong."""
    said = ((observer.status or {}).get("vitals") or {}).get("complaints") or {}
    for complaint in said.get(node, ()):
        if complaint["common"]:
            yield f"it says: {complaint['reason']}; most nodes say so, it counts against none"
    for check in (observer.status or {}).get("checks") or ():
        if check["state"] == "bad" and check["node"] == node:
            yield f"{check['check']}: {check['said']} (seen by {observer.node})"


def _events(observers: Sequence[Observer], node: str) -> tuple[str, ...]:
    found = {
        (event.get("at", 0), one.node, event["reason"])
        for one in observers
        for event in (one.status or {}).get("recent", ())
        if event.get("node") == node
    }
    return tuple(f"{observer}: {reason}" for _, observer, reason in sorted(found)[-MOST_EVENTS:])


def _pools(observer: Observer) -> Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]:
    found: Mapping[str, Any] = (observer.status or {}).get("pools", {})
    return found


def _maintenance(observer: Observer) -> Mapping[str, Any]:
    return (observer.status or {}).get("maintenance") or {}
