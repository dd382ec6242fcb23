"""Keeps this node's HAProxy as decided: at once when the plan changes, and now and then in case it forgot."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from failover.config import Pool
from failover.cutting import Cut, dead_servers
from failover.decide import GroupKey, Standing
from failover.errors import HaproxyError
from failover.events import Events
from failover.haproxy import Order, ServerKey, ServerState, Talk, give_orders, plan_orders, read_states
from failover.weights import WeightOrder, plan_weights

RECONCILE_SECONDS = 2.0
RETRY_SECONDS = 0.25

Plan = Mapping[GroupKey, Mapping[str, Standing]]


class FrontDoor:
    """Run `run()` as a task; `wake()` after each change of the plan."""

    def __init__(
        self,
        talk: Talk,
        pools: Mapping[str, Pool],
        plan: Callable[[], Plan],
        events: Events,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is that of the plan's standings."""
        self.states: Mapping[ServerKey, ServerState] = {}
        self.error: str | None = None
        self._talk = talk
        self._pools = pools
        self._plan = plan
        self._events = events
        self._clock = clock
        self._cut: frozenset[ServerKey] = frozenset()
        """Servers that are dead, and whose sessions have been cut."""
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def drained_nodes(self) -> Mapping[str, frozenset[str]]:
        """Nodes that HAProxy keeps drained now, by pool; nothing when HAProxy does not answer.

        A daemon that starts anew takes these as down until they have proven themselves, so that its own
        restart brings nothing dead back.
        """
        try:
            states = await read_states(self._talk)
        except HaproxyError:
            return {}
        return {
            name: frozenset(
                key.server for key in states if key.backend in pool.backends and states[key].drained
            )
            for name, pool in self._pools.items()
        }

    async def run(self) -> None:
        """Until cancelled; trouble with the socket is reported and tried again, never raised."""
        while True:
            wait_seconds = RECONCILE_SECONDS
            try:
                await self.reconcile()
                self.error = None
            except HaproxyError as error:
                self.error, wait_seconds = str(error), RETRY_SECONDS
                self._events.write("trouble", f"{error}.", scope="haproxy")
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._wake.wait()
            except TimeoutError:
                continue
            finally:
                self._wake.clear()

    async def reconcile(self) -> None:
        """Order whatever differs from the plan."""
        started = time.monotonic()
        self.states = await read_states(self._talk)
        weights = plan_weights(self._plan(), self._pools, self.states)
        orders = plan_orders(self._wanted(), self.states)
        await self._cut_sessions()
        if not orders and not weights:
            return
        await give_orders(self._talk, [*weights, *orders])  # weights first: nobody comes back with too much
        self._report(orders, time.monotonic() - started)
        self._report_weights(weights)
        self.states = await read_states(self._talk)

    async def _cut_sessions(self) -> None:
        """Once for each server that has died; none is put back in front of it meanwhile."""
        dead = frozenset(dead_servers(self._plan(), self._pools, self._clock())) & self.states.keys()
        fresh = sorted(dead - self._cut)
        await give_orders(self._talk, [Cut(key) for key in fresh])
        self._cut = dead
        for node in sorted({key.server for key in fresh}):
            self._events.write(
                "haproxy_cut",
                f"Sessions under way to {node} are cut: sites agree that it is dead.",
                node=node,
                backends=[key.backend for key in fresh if key.server == node],
            )

    def _wanted(self) -> dict[ServerKey, bool]:
        plan = self._plan()
        return {
            ServerKey(backend, node): standing.in_service
            for name, pool in self._pools.items()
            for node, standing in plan.get(GroupKey("relay", name), {}).items()
            for backend in pool.backends
        }

    def _report_weights(self, orders: Iterable[WeightOrder]) -> None:
        by_node: dict[str, dict[str, int]] = {}
        for order in orders:
            by_node.setdefault(order.key.server, {})[order.key.backend] = order.weight
        for node, weights in by_node.items():
            self._events.write(
                "haproxy_weight",
                f"{node} gets another weight from this front door in {', '.join(weights)}.",
                node=node,
                weights=weights,
            )

    def _report(self, orders: Iterable[Order], seconds: float) -> None:
        by_node: dict[tuple[str, bool], list[str]] = {}
        for order in orders:
            by_node.setdefault((order.key.server, order.in_service), []).append(order.key.backend)
        for (node, in_service), backends in by_node.items():
            what = "gets new sessions again" if in_service else "gets no new sessions"
            self._events.write(
                "haproxy_set",
                f"{node} {what} from this front door in {', '.join(backends)}.",
                node=node,
                state="ready" if in_service else "drain",
                before="drain" if in_service else "ready",
                after="ready" if in_service else "drain",
                backends=backends,
                order_milliseconds=round(seconds * 1000, 2),
            )
