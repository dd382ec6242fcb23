"""The daemon: one tick after another, each of which probes, decides and wakes whoever has to act."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from failover.audit import moved, ordered
from failover.checks.assembly import canary_of, checks_of
from failover.checks.runner import Checks
from failover.config import Config, Steering
from failover.decide import (
    Change,
    Check,
    Decision,
    GroupKey,
    Health,
    Kind,
    Override,
    Plan,
    Result,
    Snapshot,
    Standing,
    Statement,
    Target,
    decide,
)
from failover.decide.vantage import is_shown_to_work, named, statement_of
from failover.errors import ConfigError
from failover.events import Events
from failover.figures import Figures
from failover.frontdoor import FrontDoor
from failover.haproxy import Talk
from failover.holder import RANK_WAIT_SECONDS, Bid, LeaseHolder, StandBack
from failover.keeper import Authority, Keeper, Opinion, opinion_of, rank_among
from failover.lease import Candidate, Store
from failover.memory import Memory
from failover.notify import notify
from failover.orderbook import OrderBook
from failover.orders import NodeOverride, Order
from failover.prober import HEEDED_SECONDS, Prober
from failover.senses import Senses
from failover.shape import FRONT, policy_of
from failover.suspicion import Suspicion
from failover.viewboard import ViewBoard

STATUS_LINE_SECONDS = 5.0
ORDERS_SECONDS = 0.5
"""So often the maintenance orders are looked at."""
FULL_PERCENT = 100
INBOUND = "inbound"
"""The instance that takes mail from the internet, and what this node sends to itself."""
LOOKED_SECONDS = 5.0
"""A daemon that has just started has not looked at everything yet: others should not take its word."""
DOUBT_SECONDS = 1.0
"""A node in doubt for so long gives the lease on DNS back; it writes nothing from the first moment."""


class Daemon:
    """Wires prober, decision and actuators; after `run` has ended the world stays as it was steered last."""

    def __init__(
        self,
        config: Config,
        prober: Prober,
        events: Events,
        talk: Talk | None,
        authorities: Sequence[Authority],
        clock: Callable[[], float],
        order_book: OrderBook | None = None,
        view_talk: Talk | None = None,
        store: Store | None = None,
        memory: Memory | None = None,
        suspicion: Suspicion | None = None,
    ) -> None:
        """Without `store` nobody holds the lease on DNS: answers stay as they are."""
        self.config = config
        self.policy = policy_of(config)
        self.prober = prober
        self.events = events
        self.started_at = clock()
        self.most_lag_seconds = 0.0
        self.figures = Figures()
        self.decision = Decision({}, {}, frozenset(), ())
        self.front_door = FrontDoor(talk, config.pools, self._plan_to_act_on, events, clock) if talk else None
        self._proven: set[Target] = set()
        self.keepers = self._keepers(authorities, clock)
        self.view_board = self._view_board(view_talk, clock)
        slow = config.seeing.checks
        self.canary = canary_of(config.node, slow, config.heartbeat_address, self._hindrance, clock)
        canaries = [self.canary] if self.canary else []
        self.checks = Checks(config.node, [*checks_of(config.node, slow), *canaries], events, clock)
        self.senses = Senses(config, prober, self.checks.board, events, clock)
        self.lease = self._lease(store, clock)
        self.order_book = order_book or OrderBook(None)
        self.memory = memory or Memory(None, lambda: 0.0)
        self.suspicion = suspicion
        self.pause: Order | None = None
        """The pause in force: decisions are made and told, but nothing is ordered and DNS is not written."""
        self._said: Statement | None = None
        self._silent_until = self.started_at + LOOKED_SECONDS
        """Until then others should not take this node's word; after a doubt it has to look again, too."""
        self._found_orders: Mapping[str, Order] = {}
        self._found_overrides: Mapping[str, NodeOverride] = {}
        self._orders: Mapping[str, str] = {}
        self._overrides: Mapping[str, Override] = {}
        self._orders_seen_at = float("-inf")
        self._clock = clock
        self._due_at = self.started_at
        """When the next tick should be; later than that, this node lags."""
        self._doubting_since: float | None = None
        self._stand_back = StandBack()

    async def run(self, stop: asyncio.Event, watchdog_seconds: float | None) -> None:
        """Probe and steer until `stop` is set."""
        await self._seed()
        self.take(
            (), 0.0, self._clock()
        )  # heeds orders and decides before anybody acts on what is remembered
        watched = sum(self.config.watches(node) for node in self.prober.heard_at) - 1
        self.events.write("start", f"Watching {watched} other nodes.")
        loop = asyncio.get_running_loop()
        loop.add_reader(self.prober.pollers.alarm.fileno(), self._on_alarm)
        loop.add_reader(self.prober.heartbeats.fileno(), self._on_heartbeats)
        if self.suspicion is not None:
            loop.add_reader(self.suspicion.ends.socket.fileno(), self._on_session_ends)
        tasks = [asyncio.create_task(keeper.run()) for keeper in self.keepers]
        if self.front_door is not None:
            tasks.append(asyncio.create_task(self.front_door.run()))
        if self.view_board is not None:
            tasks.append(asyncio.create_task(self.view_board.run()))
        if self.lease is not None:
            tasks.append(asyncio.create_task(self.lease.run()))
        tasks.append(asyncio.create_task(self.checks.run()))
        tasks.append(asyncio.create_task(self._beat(watchdog_seconds)))
        ending = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ending}:
                task.result()
        finally:
            loop.remove_reader(self.prober.pollers.alarm.fileno())
            loop.remove_reader(self.prober.heartbeats.fileno())
            if self.suspicion is not None:
                loop.remove_reader(self.suspicion.ends.socket.fileno())
                self.suspicion.ends.close()
            for task in (*tasks, ending):
                task.cancel()
            await asyncio.gather(*tasks, ending, return_exceptions=True)
            self.memory.save(self.decision, self._clock(), at_once=True)
            self.prober.close()
            if self.lease is not None:
                await self.lease.give_back()

    def take(self, results: Sequence[Result], lag_seconds: float, now: float) -> None:
        """Decide on `results` and act on what has changed."""
        self._prove(results)
        if self.suspicion is not None:
            self.suspicion.heed(results)
        self._heed_orders(now)
        before = self.decision
        snapshot = Snapshot(
            results=tuple(results),
            heard_at=self.prober.heard_at,
            self_reports=self.prober.self_reports(now),
            lag_seconds=lag_seconds,
            health=before.health,
            plan=before.plan,
            silent=before.silent,
            heeded_reports=before.heeded_reports,
            orders=self._orders,
            heeded_orders=before.heeded_orders,
            doubted=before.doubt is not None,
            overrides=self._overrides,
            heeded_overrides=before.heeded_overrides,
            statements=self.prober.statements(now),
            heeded_statements=before.heeded_statements,
            vitals=self.prober.vitals(now),
            heeded_vitals=before.heeded_vitals,
            complaining=before.complaining,
            messages_per_hour=self.senses.messages_per_hour,
            due=before.due,
        )
        self.decision = decide(snapshot, self.policy, now)
        if not self.decision.doubt:
            self._doubting_since = None
        elif self._doubting_since is None:
            self._doubting_since = now
        if self.decision.plan_changed:
            self._wake()
        elif before.doubt and not self.decision.doubt:
            self._wake_keepers()  # they may write again
        if self.decision.health is not before.health:
            self.prober.report(self.decision.health)
        self._state(before, now)
        self.senses.tell(before.complaining, self.decision.complaining)
        self.figures.decided(results, self.decision.changes)
        for change in self.decision.changes:
            self._record(change, before.plan)
        if any(change.kind is not Kind.SUSPECT for change in self.decision.changes):
            self.memory.note()
        if self.decision.doubt and before.doubt is None:
            self.events.write("doubt", f"Failures seen now do not count: {self.decision.doubt}.")

    def _state(self, before: Decision, now: float) -> None:
        """Tell the others what this node finds, once it has had time to look; in doubt it finds nothing."""
        if self.decision.doubt:
            self._silent_until = max(self._silent_until, now + DOUBT_SECONDS)
        if now < self._silent_until:
            said = None
        elif self._said is not None and self.decision.plan is before.plan:
            return
        else:
            said = statement_of(self.decision.plan, self.policy)
        self._said = said
        self.prober.state(said)

    def _hindrance(self, pool: str) -> str | None:
        """Why a message by which this node tries its instance of `pool` would prove nothing now."""
        own = self.config.node
        if own in self._orders:
            return "the node is ordered out of service"
        for name in (pool, INBOUND):
            lines = (self.decision.health.get(Target(own, name, one)) for one in (Check.NOOP, Check.SESSION))
            if any(health is not None and not health.up for health in lines):
                return f"its instance of {name} does not answer"
        return None

    def opinion(self) -> Opinion:
        """What this node would have DNS answer, and whether it may write that."""
        steering = self.config.steering
        if steering is None:
            return Opinion(lambda _: (), None)
        sure = not self.decision.doubt and not self.pause
        return opinion_of(
            steering,
            self._entry_in_service,
            self._entry_proven,
            self.lease.epoch() if self.lease is not None and sure else None,
            may_begin=sure and self._rank(steering) == 0,
        )

    def bid(self) -> Bid:
        """What this node wants of the lease on DNS now."""
        steering = self.config.steering
        rank = self._rank(steering) if steering else None
        if rank is None or self.lease is None or self.pause:
            return Bid(willing=False)  # who is paused writes nothing: others may
        now = self._clock()
        if self._stand_back.consider(self._cut_off_since(), self.lease.held_since, now):
            self.events.write("lease", "Others shall try: this node cannot reach every primary that lives.")
            return Bid(willing=False)
        doubting = self._doubting_since is not None and now - self._doubting_since >= DOUBT_SECONDS
        return Bid(
            willing=not doubting,
            wait_seconds=rank * RANK_WAIT_SECONDS + self._stand_back.wait_seconds(now),
            epoch_above=max((one.epoch_seen for one in self.keepers), default=0),
        )

    def _cut_off_since(self) -> float | None:
        """Since when this node cannot reach some primary whose machine it hears all the same.

        Route 53 is no machine of the fleet: it is taken to live.
        """
        lost = self._lost()
        heard = {peer.address for peer in self.config.peers if peer.name not in lost}
        found = [
            one.failing_since
            for one in self.keepers
            if one.failing_since is not None and (not one.address or one.address in heard)
        ]
        return min(found, default=None)

    def _rank(self, steering: Steering) -> int | None:
        return rank_among(steering.writers, self.config.node, self._lost())

    def _lost(self) -> frozenset[str]:
        """Nodes that are heard no more, those too of which this one is no watcher."""
        return self.decision.silent | self.prober.unheard(self._clock(), HEEDED_SECONDS)

    def _unheard(self) -> frozenset[str]:
        """Nodes without a word as long as makes a watched one silent.

        Of those that speak in turn only it means nothing, but all of them are never silent at once.
        """
        return self.decision.silent | self.prober.unheard(self._clock(), self.policy.silence_seconds)

    def _lease(self, store: Store | None, clock: Callable[[], float]) -> LeaseHolder | None:
        steering = self.config.steering
        writable = steering is not None and (steering.primaries or steering.route53_zone_id)
        if steering is None or not writable or store is None:
            return None
        candidate = Candidate(self.config.node, secrets.token_hex(8), steering.lease_term_seconds)
        return LeaseHolder(store, candidate, self.bid, self._wake_keepers, self.events, clock)

    def _keepers(self, authorities: Sequence[Authority], clock: Callable[[], float]) -> list[Keeper]:
        steering = self.config.steering
        if steering is None:
            return []
        return [Keeper(one, steering, self.opinion, self.events, clock) for one in authorities]

    def _view_board(self, talk: Talk | None, clock: Callable[[], float]) -> ViewBoard | None:
        settings = self.config.views
        if settings is None or talk is None:
            return None
        return ViewBoard(
            self.config,
            settings,
            talk,
            self._decision_to_tell,
            self._shown_to_work,
            self._unheard,
            self.events,
            clock,
        )

    async def _seed(self) -> None:
        """Begin with what is remembered, and what the front door does now: who is out has to prove itself."""
        drained: Mapping[str, frozenset[str]] = (
            await self.front_door.drained_nodes() if self.front_door else {}
        )
        now = self._clock()
        plan: Plan = {}
        reason = "it was drained when this daemon started"
        health = {
            Target(node, pool, Check.NOOP): Health(up=False, since=now, reason=reason)
            for pool, nodes in drained.items()
            for node in nodes & self.prober.heard_at.keys()
            if self.config.watches(node)
        }
        try:
            remembered = self.memory.load(self.policy, now)
        except ConfigError as error:
            self.events.write("trouble", f"{error}; nobody is held down for what was before.", scope="memory")
        else:
            health |= {
                target: one for target, one in remembered.health.items() if self.config.watches(target.node)
            }
            plan = remembered.plan
        self.decision = Decision(health, plan, frozenset(), ())

    async def _beat(self, watchdog_seconds: float | None) -> None:
        """Tick on a fixed grid; a late tick is not made up for, but counted as this node's own lag."""
        notify("READY=1", "STATUS=watching")
        tick_seconds = self.prober.tick_seconds
        self._due_at = self._clock() + tick_seconds
        said_at = fed_at = float("-inf")
        while True:
            await asyncio.sleep(max(0.0, self._due_at - self._clock()))
            now = self._clock()
            lag = max(0.0, now - self._due_at)
            self.most_lag_seconds = max(self.most_lag_seconds, lag)
            self.senses.look(lag, now)
            self.figures.lag.observe(lag)
            self.take(self.prober.tick(now, self.decision.health, self._spoken_of()), lag, now)
            self.figures.answered(self.prober.pollers.take_durations())
            self.memory.save(self.decision, now)
            self._due_at = self._due_at + tick_seconds if lag < tick_seconds else now + tick_seconds
            if watchdog_seconds is not None and now - fed_at > watchdog_seconds / 4:
                fed_at = now
                notify("WATCHDOG=1")
            if now - said_at > STATUS_LINE_SECONDS:
                said_at = now
                notify(f"STATUS={self.summary()}")

    def _spoken_of(self) -> frozenset[str]:
        """Nodes that others find failing."""
        return frozenset(named(self.decision.heeded_statements.values(), self.policy))

    def summary(self) -> str:
        """One line: how many members serve, and why the others do not."""
        standings = [
            (key, node, one) for key, group in self.decision.plan.items() for node, one in group.items()
        ]
        out = [f"{key.pool or 'front'} on {node}" for key, node, one in standings if not one.in_service]
        text = f"{len(standings) - len(out)} of {len(standings)} members in service"
        return f"{text}; out: {', '.join(out)}" if out else text

    def _on_alarm(self) -> None:
        now = self._clock()
        if results := self.prober.handle_alarms(now):
            self.take(results, max(0.0, now - self._due_at), now)

    def _on_heartbeats(self) -> None:
        now = self._clock()
        if self.prober.hear(now):
            self.take((), max(0.0, now - self._due_at), now)

    def _on_session_ends(self) -> None:
        now = self._clock()
        if self.suspicion is not None:
            for target in self.suspicion.look(now):
                self.prober.hurry(target, now, self.decision.health)

    def _heed_orders(self, now: float) -> None:
        """Take in maintenance orders that were given, lifted, or have run out."""
        if now - self._orders_seen_at < ORDERS_SECONDS:
            return
        self._orders_seen_at = now
        self.order_book.look()
        if self.order_book.error:
            self.events.write("trouble", f"{self.order_book.error}.", scope="maintenance")
        found = self.order_book.orders
        for node in sorted(found.keys() | self._found_orders.keys()):
            was, is_now = self._found_orders.get(node), found.get(node)
            if was != is_now:
                told = f"is {is_now.sentence}" if is_now else "may serve again: no order is in force"
                self.events.write("maintenance", f"{node} {told}.", node=node, **ordered(was, is_now))
        self._found_orders = found
        self._orders = {node: one.sentence for node, one in found.items()}
        self._heed_overrides()

    def _heed_overrides(self) -> None:
        found = self.order_book.overrides
        for node in sorted(found.keys() | self._found_overrides.keys()):
            was, is_now = self._found_overrides.get(node), found.get(node)
            if was != is_now:
                told = f"is {is_now.sentence}" if is_now else "is judged by what is seen again"
                self.events.write("maintenance", f"{node} {told}.", node=node, **ordered(was, is_now))
        self._found_overrides = found
        self._overrides = {node: Override(one.to, one.sentence) for node, one in found.items()}
        if (pause := self.order_book.pause) != self.pause:
            told = "Acts again on what it decides."
            if pause is not None:
                until = f"{pause.until:%Y-%m-%d %H:%M} UTC"
                told = f"Acts on nothing until {until}, by {pause.owner}: {pause.reason}."
            by = {"by": pause.owner} if pause else {}
            self.events.write("maintenance", told, scope="pause", **by)
            self.pause = pause
            self._wake()

    def _plan_to_act_on(self) -> Plan:
        return {} if self.pause else self.decision.plan

    def _decision_to_tell(self) -> Decision:
        """In a pause, health checkers are told nothing new either."""
        return replace(self.decision, doubt="paused by an operator") if self.pause else self.decision

    def _prove(self, results: Sequence[Result]) -> None:
        for result in results:
            if result.target.check is Check.ENTRY:
                if result.good:
                    self._proven.add(result.target)
                else:
                    self._proven.discard(result.target)

    def _entry_in_service(self, pool: str | None, node: str) -> bool:
        standing = self.decision.plan.get(GroupKey("entry", pool or FRONT), {}).get(node)
        return standing is not None and standing.in_service

    def _entry_proven(self, pool: str | None, node: str) -> bool:
        if self._only_just_back(self.decision.plan.get(GroupKey("entry", pool or FRONT), {}), node):
            return False
        if pool is not None:
            return self._shown_to_work(Target(node, pool, Check.ENTRY))
        return any(
            self._shown_to_work(Target(node, name, Check.ENTRY))
            for name, one in self.config.pools.items()
            if node in one.entries
        )

    def _shown_to_work(self, target: Target) -> bool:
        """Whether clients may be sent there anew: this node has seen it work, or people say so.

        Of a node that it does not watch, it takes the word of one that does.
        """
        if target in self._proven or self._vouched_for(target.node):
            return True
        key = GroupKey("entry", target.pool)
        return not self.config.watches(target.node) and is_shown_to_work(
            self.decision.heeded_statements, self.policy, key, target.node
        )

    def _vouched_for(self, node: str) -> bool:
        override = self._overrides.get(node)
        return override is not None and override.to == "in"

    def _only_just_back(self, group: Mapping[str, Standing], node: str) -> bool:
        """Whether clients are better sent to others, who have served for longer."""
        return (
            node in group
            and 0 < group[node].weight_percent < FULL_PERCENT
            and any(
                one.in_service and one.healthy and one.weight_percent == FULL_PERCENT
                for one in group.values()
            )
        )

    def _wake(self) -> None:
        if self.front_door is not None:
            self.front_door.wake()
        self._wake_keepers()

    def _wake_keepers(self) -> None:
        for keeper in self.keepers:
            keeper.wake()

    def _record(self, change: Change, before: Plan) -> None:
        self.events.write(
            str(change.kind),
            change.reason,
            node=change.node,
            pool=change.pool,
            scope=change.scope,
            **({"fault": change.fault} if change.fault else {}),
            **moved(change, before, self.decision.plan),
        )
