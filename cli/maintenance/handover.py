"""Whom a drained node's mail is handed to, and what was handed."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from failover.overview import Observer, overview
from fleet.handover import tiers
from fleet.topology import Fleet

Tiers = Sequence[Sequence[str]]
"""Peers by name: the first tier takes what it can, the next only what is left."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Messages handed over, by pool and peer, and why others were not."""

    by_pool: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Of the last round."""
    broken: str | None = None
    """The node had to stop: going on would have sent messages twice."""

    @property
    def messages(self) -> int:
        return sum(sum(peers.values()) for peers in self.by_pool.values())

    def and_then(self, later: "HandedOver") -> "HandedOver":
        """The sums of both; the problems of the later one, as the earlier ones may be over."""
        sums: dict[str, dict[str, int]] = {}
        for pool, peers in (*self.by_pool.items(), *later.by_pool.items()):
            counts = sums.setdefault(pool, {})
            for peer, count in peers.items():
                counts[peer] = counts.get(peer, 0) + count
        return HandedOver(sums, later.problems, later.broken)

    def __str__(self) -> str:
        shares = [
            f"{count} of {pool} to {peer}"
            for pool, peers in self.by_pool.items()
            for peer, count in peers.items()
        ]
        said = ", ".join(shares) or "no message"
        return f"handed over {said}" + "".join(f"; {one}" for one in (*self.problems, self.broken) if one)


def routes(fleet: Fleet, observers: Sequence[Observer], node: str) -> dict[str, Tiers]:
    """Each pool of the node with the peers that may get its mail now; none when no peer is well."""
    pools = [one.pool for one in fleet.pools if fleet.node(node).sending_of(one.pool)]
    return {pool: tiers(fleet, node, pool, healthy_in(observers, pool)) for pool in pools}


def healthy_in(observers: Sequence[Observer], pool: str) -> set[str]:
    """The nodes whose part in the pool every daemon holds to be well and in service."""
    found = overview(observers)
    members = [one for one in found.members if one.pool == pool and one.kind == "relay"]
    heard = {one.node for one in found.nodes if one.healthy}
    ordered = {one.node for one in found.orders}
    return {one.node for one in members if one.healthy and one.asked and one.node in heard - ordered}


def command_words(found: Mapping[str, Tiers], seconds: float, *, untried: bool) -> str:
    """The options of `mtafleet-maintenance hand-over`, for a shell; empty when no pool has a peer."""
    words = [
        f"--route={pool}=" + "/".join(",".join(tier) for tier in levels)
        for pool, levels in found.items()
        if levels
    ]
    options = [f"--seconds={seconds:.1f}", *(["--untried"] if untried else [])]
    return shlex.join([*options, *words]) if words else ""


def peerless(found: Mapping[str, Tiers]) -> Iterable[str]:
    """What to say about pools without a peer."""
    return [f"no other node of {pool} is well and in service" for pool, levels in found.items() if not levels]


def intention(found: Mapping[str, Tiers], queued: Mapping[str, int]) -> list[str]:
    """Who would get what, one sentence for each pool."""
    return [
        f"{queued.get(pool, 0)} of {pool} would go to "
        + (", then ".join(" and ".join(tier) for tier in levels) or "nobody: no other node is well")
        for pool, levels in found.items()
    ]
