"""From clients' sessions that ended early to targets that are worth a look at once."""

from collections.abc import Iterable

from failover.config import Config
from failover.decide import Check, Result, Target
from failover.inband import Ends, Patience, Usual


class Suspicion:
    """Call `look` when `ends.socket` is readable, and `heed` with what probes found."""

    def __init__(self, config: Config, ends: Ends) -> None:
        self.ends = ends
        self._pools = {backend: name for name, pool in config.pools.items() for backend in pool.backends}
        self._own = frozenset(peer.address for peer in config.peers)
        self._nodes = frozenset(peer.name for peer in config.peers if peer.probes)
        self._usual = Usual()
        self._patience = Patience()

    def look(self, now: float) -> list[Target]:
        """What fresh sessions should be tried with now. The fleet's own probes are no clients."""
        found: dict[Target, None] = {}
        for end in self.ends.take():
            pool = self._pools.get(end.backend)
            if pool is None or end.server not in self._nodes or end.client in self._own:
                continue
            if self._usual.is_short(end):
                found[Target(end.server, pool, Check.SESSION)] = None
        return [target for target in found if self._patience.may_look(target, now)]

    def heed(self, results: Iterable[Result]) -> None:
        """A fresh session that failed: short ones are worth a look at once from now on."""
        for result in results:
            if not result.good and result.target.check is Check.SESSION:
                self._patience.was_bad(result.target)
