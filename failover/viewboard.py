"""Keeps what this node's HAProxy tells health checkers as the daemon sees it: file first, then the map."""

import asyncio
from collections.abc import Callable

from failover.config import Config, ViewSettings
from failover.decide import Check, Decision, Target
from failover.errors import HaproxyError
from failover.events import Events
from failover.haproxy import Talk
from failover.shape import FRONT
from failover.viewmap import load_views, map_orders, read_map, save_views
from failover.views import Views, cut_off_from, serving

LOOK_SECONDS = 0.25
RECONCILE_SECONDS = 2.0
"""So often HAProxy is asked whether it still has the map."""


class ViewBoard:
    """Run `run()` as a task; when it ends, HAProxy goes on telling what was told last."""

    def __init__(
        self,
        config: Config,
        views: ViewSettings,
        talk: Talk,
        decision: Callable[[], Decision],
        proven: Callable[[Target], bool],
        unheard: Callable[[], frozenset[str]],
        events: Events,
        clock: Callable[[], float],
    ) -> None:
        self.error: str | None = None
        self.served: dict[str, str] = {}
        """What HAProxy tells, as it said itself when it was asked last."""
        self.views = Views(views.nodes, load_views(views.map_file))
        self._config = config
        self._file = views.map_file
        self._talk = talk
        self._decision = decision
        self._proven = proven
        self._unheard = unheard
        self._events = events
        self._clock = clock
        self._sites = {peer.name: peer.site for peer in config.peers if peer.probes or peer.heartbeat_port}
        self._saved = False
        self._reconciled_at = float("-inf")

    async def run(self) -> None:
        """Until cancelled; trouble is reported and tried again, never raised."""
        while True:
            await self.round()
            await asyncio.sleep(LOOK_SECONDS)

    async def round(self) -> None:
        """Look at the decision; tell HAProxy what is new, or now and then whether anything has got lost."""
        changed = self._look()
        if not changed and self._clock() - self._reconciled_at < RECONCILE_SECONDS:
            return
        self._reconciled_at = self._clock()
        try:
            await self._reconcile()
            self.error = None
        except (HaproxyError, OSError) as error:
            self.error = str(error)
            self._events.write("trouble", f"{error}.", scope="views")

    def _look(self) -> bool:
        decision = self._decision()
        if not decision.plan:
            return False
        if decision.doubt is not None:
            self.views.doubt()
            return False
        serves = serving(decision.plan, self._config.timing.floor_percent)
        cut_off = cut_off_from(self._config.node, self._sites, self._unheard())
        changed = self.views.look(serves, self._works, cut_off, self._clock())
        for node in changed:
            self._saved = False
            self._events.write(
                "view",
                f"Health checkers that ask here are told that {node} is {self.views.told[node]}.",
                node=node,
                state=str(self.views.told[node]),
            )
        return bool(changed)

    def _works(self, node: str) -> bool:
        """Whether every entry of `node` that is in service was seen to work."""
        entries = [
            Target(node, key.pool, Check.ENTRY)
            for key, standings in self._decision().plan.items()
            if key.kind == "entry" and key.pool != FRONT and (one := standings.get(node)) and one.in_service
        ]
        return bool(entries) and all(self._proven(target) for target in entries)

    async def _reconcile(self) -> None:
        """A disk that takes no file does not keep HAProxy from telling what is true now."""
        try:
            if not self._saved:
                save_views(self._file, self.views.told)
                self._saved = True
        finally:
            await self._order()

    async def _order(self) -> None:
        self.served = await read_map(self._talk, self._file)
        if orders := map_orders(self._file, self.served, self.views.told):
            if answer := (await self._talk("; ".join(orders))).strip():
                raise HaproxyError(f"HAProxy refused to change its map: {answer.splitlines()[0]}")
            self.served = await read_map(self._talk, self._file)
