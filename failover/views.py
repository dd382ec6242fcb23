"""What this node tells health checkers of the other nodes: whether each serves clients. Pure.

Where DNS hangs on health checks, all answers with a node come and go together, under all names. So there is
one view of each node, made of its entries in all pools. It is told only once it has held for a moment, and an
observer that cannot judge says what it said before:

- in doubt, of nobody anything new;
- when it hears nobody outside its own site, nothing new of those outside: likelier its site is cut off.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from failover.decide import GroupKey, Standing, floor

SETTLE_SECONDS = 1.0
"""A view is told when it has held for this long: longer than a site that is cut off needs to notice it."""
REGAIN_SECONDS = 10.0
"""Who could not judge judges anew only after this long: probes need it to find out who works."""

Plan = Mapping[GroupKey, Mapping[str, Standing]]


class View(StrEnum):
    """What is told of a node; of one that was never seen to work nothing is told."""

    IN = "in"
    OUT = "out"


def serving(plan: Plan, floor_percent: int) -> frozenset[str]:
    """The nodes that clients should be sent to: those whose every entry is in service.

    Where that would leave a pool fewer entries than its floor, nodes that lack another pool's entry are taken
    along, those that lack fewest first. A node out of service in all its pools never is.
    """
    entries = {key: standings for key, standings in plan.items() if key.kind == "entry"}
    lacks = Counter({node: 0 for standings in entries.values() for node in standings})
    lacks.update(
        node for standings in entries.values() for node, one in standings.items() if not one.in_service
    )
    found = {node for node, count in lacks.items() if count == 0}
    for key in sorted(entries):
        working = [node for node, one in entries[key].items() if one.in_service]
        missing = floor(len(entries[key]), floor_percent) - len(found.intersection(working))
        spare = sorted(set(working) - found, key=lambda node: (lacks[node], node))
        found.update(spare[: max(0, missing)])
    return frozenset(found)


def cut_off_from(observer: str, sites: Mapping[str, str], silent: frozenset[str]) -> frozenset[str]:
    """The nodes that `observer` has lost by its own site's fault; `sites` has every node's, its own too."""
    outside = frozenset(node for node, site in sites.items() if site != sites[observer])
    alone = len({sites[node] for node in outside}) > 1 and outside <= silent
    return outside if alone else frozenset()


def next_view(before: View | None, serves: bool, proven: bool) -> View | None:
    """A node comes in only when this observer has seen it work, and stays until it serves no more."""
    if not serves:
        return View.OUT
    return View.IN if proven else before


class Views:
    """The views as they are told, by node: `told`. Call `look` now and then."""

    def __init__(self, nodes: Iterable[str], known: Mapping[str, View]) -> None:
        """`known`: what was told last, before this daemon started."""
        self.nodes = frozenset(nodes)
        self.told: Mapping[str, View] = {node: known[node] for node in sorted(self.nodes & known.keys())}
        self._differs_since: dict[str, tuple[View, float]] = {}
        self._blind_until: dict[str, float] = {}

    def look(
        self,
        serves: frozenset[str],
        proven: Callable[[str], bool],
        cut_off: frozenset[str],
        now: float,
    ) -> tuple[str, ...]:
        """Take in the present state; returns the nodes of which something new is told."""
        self._blind_until |= dict.fromkeys(cut_off, now + REGAIN_SECONDS)
        changed = []
        for node in sorted(self.nodes):
            before = self.told.get(node)
            view = next_view(before, node in serves, proven(node))
            if view is None or view is before or now < self._blind_until.get(node, now):
                self._differs_since.pop(node, None)
            elif self._held(node, view, now):
                self.told = {**self.told, node: view}
                changed.append(node)
        return tuple(changed)

    def doubt(self) -> None:
        """Say nothing new for now: what was seen before a doubt begins anew after it."""
        self._differs_since.clear()

    def _held(self, node: str, view: View, now: float) -> bool:
        seen, since = self._differs_since.get(node, (view, now))
        self._differs_since[node] = (view, since if seen is view else now)
        return now - self._differs_since[node][1] >= SETTLE_SECONDS
