"""The present load of each pool, from what its nodes say they take in. Pure but for what it remembers."""

from collections import deque
from collections.abc import Mapping, Sequence

from failover.decide import Vitals

REMEMBERED_SECONDS = 3_600.0
"""What a node took in before it fell silent is still to be carried, by the others."""


class Loads:
    """The last known rate of each node and pool, and the highest sums; call `note` now and then."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], tuple[float, int]] = {}
        self._highs: dict[str, deque[tuple[float, float]]] = {}
        """By pool (when, sum), falling: the first is the highest that is remembered."""

    def note(self, vitals: Mapping[str, Vitals], now: float) -> None:
        for node, one in vitals.items():
            for pool, queue in one.queues.items():
                if queue.messages_per_hour is not None:
                    self._rates[pool, node] = (now, queue.messages_per_hour)

    def messages_per_hour(self, members: Mapping[str, Sequence[str]], now: float) -> dict[str, float]:
        """By pool the highest sum over its `members` within the hour: a lull proves no low load.

        The sum is of one moment: what one node hands to the others when it is drained counts once. A pool is
        left out while one of its members has not told lately.
        """
        found = {}
        for pool, nodes in members.items():
            rates = [self._rates.get((pool, node)) for node in nodes]
            known = [rate for rate in rates if rate is not None and now - rate[0] <= REMEMBERED_SECONDS]
            if known and len(known) == len(nodes):
                found[pool] = self._high(pool, float(sum(rate for _, rate in known)), now)
        return found

    def _high(self, pool: str, present: float, now: float) -> float:
        highs = self._highs.setdefault(pool, deque())
        while highs and (highs[-1][1] <= present):
            highs.pop()
        highs.append((now, present))
        while highs[0][0] < now - REMEMBERED_SECONDS:
            highs.popleft()
        return highs[0][1]
