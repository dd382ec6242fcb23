"""Who watches whom, so that the cost of watching grows with the fleet and not with its square. Pure.

In a small fleet everybody watches everybody. In a larger one each node is watched by itself and by a few
others, each of them in another site as far as there are sites: whichever single site is lost, the rest can
still agree on it. A witness counts as any other site; with two regions it therefore watches every node.

The choice is by rendezvous hashing: every daemon makes the same from the same list of nodes, and few
observers change when a node comes or goes. Within a site everybody watches about equally many
(rendezvous hashing with bounded loads).
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

EVERYBODY_UP_TO = 8
"""With so many observers all watch all: with three for each they would watch nearly as much."""
OBSERVERS = 3
"""For each node, beside itself."""
SLACK = 1.5
"""Nobody watches more than so many times the average of its site, or others would change with every node."""
LEAST = 2
"""So many everybody watches, if there are so many: by fewer, none could tell that it is itself at fault."""


class Seat(NamedTuple):
    """A node, where it is, and whether its daemon judges others."""

    name: str
    site: str
    judges: bool = True


def assign(seats: Sequence[Seat], wanted: int = OBSERVERS) -> Mapping[str, frozenset[str]]:
    """Who watches each node, itself left out; empty where all watch all."""
    observers = [seat for seat in seats if seat.judges]
    if len(observers) <= max(EVERYBODY_UP_TO, wanted + 1):
        return {}
    by_site: dict[str, list[str]] = {}
    for seat in sorted(observers):
        by_site.setdefault(seat.site, []).append(seat.name)
    ranked = {seat.name: _Ranking(seat, by_site) for seat in seats}
    sites = {name: tuple(one.sites(wanted)) for name, one in ranked.items()}
    demand = Counter(site for chosen in sites.values() for site in chosen)
    most = {site: math.ceil(SLACK * demand[site] / len(names)) for site, names in by_site.items()}
    loads: Counter[str] = Counter()
    found = {
        name: frozenset(_chosen(ranked[name], sites[name], most, loads))
        for name in sorted(ranked, key=lambda one: _digest("turn", one))
    }
    for site, names in by_site.items():
        _occupy(names, min(LEAST, demand[site] // len(names)), found, loads)
    return found


def _chosen(
    ranking: "_Ranking", sites: Sequence[str], most: Mapping[str, int], loads: Counter[str]
) -> list[str]:
    """One observer from each of `sites`: the first in rank that does not watch too many already."""
    chosen: list[str] = []
    for site in sites:
        able = [one for one in ranking.nodes[site] if one not in chosen]
        idlest = min(able, key=loads.__getitem__)
        chosen.append(next((one for one in able if loads[one] < most[site]), idlest))
        loads[chosen[-1]] += 1
    return chosen


def _occupy(names: Sequence[str], least: int, found: dict[str, frozenset[str]], loads: Counter[str]) -> None:
    """Give who watches fewer than `least` some of what another of the site watches too many of."""
    for idle in sorted(names, key=lambda one: _digest("idle", one)):
        while loads[idle] < least:
            able = [
                (target, busy)
                for target, some in found.items()
                if target != idle and idle not in some
                for busy in some.intersection(names)
                if loads[busy] > least
            ]
            if not able:
                break
            target, busy = min(able, key=lambda one: (-loads[one[1]], _digest(one[0], idle)))
            found[target] = found[target] - {busy} | {idle}
            loads.update({busy: -1, idle: 1})


class _Ranking:
    """In which order one node would be watched by the others."""

    def __init__(self, seat: Seat, by_site: Mapping[str, Sequence[str]]) -> None:
        self._home = seat.site
        self.nodes = {
            site: sorted(set(names) - {seat.name}, key=lambda one: _digest(seat.name, one))
            for site, names in by_site.items()
            if set(names) - {seat.name}
        }
        self._order = sorted(
            self.nodes, key=lambda site: (site == seat.site, _digest(seat.name, self.nodes[site][0]))
        )

    def sites(self, wanted: int) -> Iterator[str]:
        """A site for each observer: all others once, then the node's own, then a second one of each."""
        left = {site: len(self.nodes[site]) for site in self._order}
        while wanted and left:
            for site in list(left)[:wanted]:
                yield site
                wanted -= 1
                left[site] -= 1
            left = {site: count for site, count in left.items() if count}


def _digest(one: str, other: str) -> bytes:
    return sha256(f"{one} {other}".encode()).digest()
