"""The present load of each pool, from what its nodes say they take in. Pure but for what it remembers."""

from collections.abc import Mapping, Sequence

from failover.decide import Vitals

REMEMBERED_SECONDS = 3_600.0
"""What a node took in before it fell silent is still to be carried, by the others."""


class Loads:
    """The last known rate of each node and pool; call `note` now and then."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], tuple[float, int]] = {}

    def note(self, vitals: Mapping[str, Vitals], now: float) -> None:
        for node, one in vitals.items():
            for pool, queue in one.queues.items():
                if queue.messages_per_hour is not None:
                    self._rates[pool, node] = (now, queue.messages_per_hour)

    def messages_per_hour(self, members: Mapping[str, Sequence[str]], now: float) -> dict[str, float]:
        """By pool, summed over its `members`; a pool is left out while one of them has not told lately."""
        found = {}
        for pool, nodes in members.items():
            rates = [self._rates.get((pool, node)) for node in nodes]
            known = [rate for rate in rates if rate is not None and now - rate[0] <= REMEMBERED_SECONDS]
            if known and len(known) == len(nodes):
                found[pool] = float(sum(rate for _, rate in known))
        return found
