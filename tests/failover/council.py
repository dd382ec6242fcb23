"""Observers on three sites tell each other what they find, in virtual time; tests break their network.

Five of them, unless a test has other ones: each node of the regions a and b carries mail; w only looks. Every
node runs the decision as the daemon does: it probes those that it watches, hears the heartbeats of all one
tick later, and with them what they find failing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from failover.daemon import DOUBT_SECONDS, LOOKED_SECONDS
from failover.decide import (
    Check,
    Decision,
    Fault,
    Group,
    GroupKey,
    HoldDown,
    Policy,
    Result,
    SlowReturn,
    Snapshot,
    Standing,
    Statement,
    Target,
    Threshold,
    decide,
)
from failover.decide.vantage import statement_of

State = Literal["well", "crash", "hang", "gray"]
SITES = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "w": "c"}
EVERYBODY = tuple(SITES)
NODES = EVERYBODY[:4]
ENTRY, RELAY = GroupKey("entry", "orders"), GroupKey("relay", "orders")
CHECKS = {ENTRY: Check.ENTRY, RELAY: Check.NOOP}
CALM_TICKS = {Check.ENTRY: 40, Check.NOOP: 10}
DOUBT_TICKS = {Check.ENTRY: 10, Check.NOOP: 2}
TICK_SECONDS = 0.05
TIMEOUT_SECONDS = 0.2
HEEDED_SECONDS = 5.0
ACTED_SECONDS = 5.0
"""Sites look at an entry every 2 s, then again after half a second; each may have doubted itself at first."""
RESTORED_SECONDS = 60.0
START = Decision({}, {}, frozenset(), ())
FAULTS: dict[State, Fault] = {"crash": Fault.CRASH, "hang": Fault.HANG, "gray": Fault.GRAY}


def policy_of(
    observer: str,
    sites: Mapping[str, str] = SITES,
    nodes: Sequence[str] = NODES,
    watchers: Mapping[str, frozenset[str]] | None = None,
) -> Policy:
    return Policy(
        observer=observer,
        groups=tuple(
            Group(key, {node: (Target(node, "orders", check),) for node in nodes})
            for key, check in CHECKS.items()
        ),
        thresholds={Check.NOOP: Threshold(2, 10), Check.ENTRY: Threshold(2, 2)},
        silence_seconds=0.4,
        floor_percent=50,
        most_lag_seconds=0.1,
        most_ejected_percent=50,
        sites=sites,
        vantages=sites,
        watchers=watchers or {},
        witness_sites=frozenset(sites.values()) - {sites[node] for node in nodes},
        hold_down=HoldDown(1.0, 8.0, 20.0, 4),
        slow_return=SlowReturn((50,), 0.5),
    )


@dataclass
class Observer:
    """One node's daemon."""

    policy: Policy
    heard_at: dict[str, float]
    decision: Decision = START
    statements: dict[str, tuple[float, Statement]] = field(default_factory=dict)
    """What others said, and when it was heard last."""
    silent_until: float = 0.0

    def says(self, now: float) -> Statement | None:
        if self.decision.doubt:
            self.silent_until = max(self.silent_until, now + DOUBT_SECONDS)
        if now < self.silent_until:
            return None
        return statement_of(self.decision.plan, self.policy)

    def heeds(self, now: float) -> dict[str, Statement]:
        return {name: said for name, (at, said) in self.statements.items() if now - at <= HEEDED_SECONDS}

    def standing(self, node: str, key: GroupKey = ENTRY) -> Standing:
        return self.decision.plan[key][node]

    def is_doubted(self, target: Target) -> bool:
        health = self.decision.health.get(target)
        return health is not None and (not health.up or health.run > 0)


@dataclass
class Council:
    """`states`, `cut` and `lag` may be changed between runs."""

    random: Random
    loss: float = 0.0
    now: float = 1000.0
    sites: Mapping[str, str] = field(default_factory=lambda: SITES)
    """Of all observers."""
    nodes: Sequence[str] = NODES
    """Those that carry mail."""
    watchers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Who watches each node, itself included; empty: everybody."""
    states: dict[str, State] = field(default_factory=dict)
    cut: set[tuple[str, str]] = field(default_factory=set)
    """Pairs (from, to) between which nothing arrives."""
    lag: dict[str, float] = field(default_factory=dict)
    observers: dict[str, Observer] = field(default_factory=dict)
    troubled_at: float = 1000.0
    """When anything was last changed."""
    failed_at: dict[tuple[str, str], float] = field(default_factory=dict)
    """When a probe of an observer (first) to a node (second) failed last, for whatever reason."""
    good_at: dict[tuple[str, str], float] = field(default_factory=dict)
    """The same for those that did not."""
    on_leave: Callable[["Council", str, str], None] = lambda *_: None
    """Called with observer and node when an entry leaves service there because it fails."""
    on_return: Callable[["Council", str, str], None] = lambda *_: None
    """The same when it comes back although it fails."""
    _ticks: int = 0
    _places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places = {name: place for place, name in enumerate(self.sites)}
        self.states = dict.fromkeys(self.nodes, "well")
        for name in self.sites:
            self.start(name)

    def start(self, name: str) -> None:
        """The daemon of `name` starts anew and has forgotten everything."""
        heard = dict.fromkeys(self.sites, self.now + 1.0)
        policy = policy_of(name, self.sites, self.nodes, self.watchers)
        self.observers[name] = Observer(policy, heard, silent_until=self.now + LOOKED_SECONDS)
        self.troubled_at = self.now

    def become(self, state: State, *nodes: str) -> None:
        self.states |= dict.fromkeys(nodes, state)
        self.troubled_at = self.now

    def divide(self, some: set[str], others: set[str], *, one_way: bool) -> None:
        """Nothing gets from `some` to `others` any more, nor back unless `one_way`."""
        self.cut |= {(one, other) for one in some for other in others}
        if not one_way:
            self.cut |= {(other, one) for one in some for other in others}
        self.troubled_at = self.now

    def heal(self) -> None:
        self.cut.clear()
        self.lag.clear()
        self.troubled_at = self.now

    @property
    def is_whole(self) -> bool:
        return not self.cut and not self.lag

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_SECONDS)):
            self.tick()

    def tick(self) -> None:
        self.now += TICK_SECONDS
        self._ticks += 1
        said = {name: one.says(self.now) for name, one in self.observers.items()}
        for name, observer in self.observers.items():
            if self._ticks % 2 == 0:
                self._hear(name, observer, said)
            observer.heard_at[name] = self.now
            results = [
                result
                for number, node in enumerate(self.nodes)
                if observer.policy.watches(node)
                for check in CHECKS.values()
                if (result := self._probe(name, observer, Target(node, "orders", check), number))
            ]
            before = observer.decision
            snapshot = Snapshot(
                results=tuple(results),
                heard_at=dict(observer.heard_at),
                lag_seconds=self.lag.get(name, 0.0),
                health=before.health,
                plan=before.plan,
                silent=before.silent,
                doubted=before.doubt is not None,
                statements=observer.heeds(self.now),
                heeded_statements=before.heeded_statements,
                due=before.due,
            )
            observer.decision = decide(snapshot, observer.policy, self.now)
            self._note_leaves(name, before, observer.decision)

    def _note_leaves(self, name: str, before: Decision, after: Decision) -> None:
        for node, one in after.plan[ENTRY].items():
            was = before.plan.get(ENTRY, {}).get(node, Standing())
            if was.in_service and not one.in_service and not one.healthy:
                self.on_leave(self, name, node)
            if one.in_service and not was.in_service and not one.healthy:
                self.on_return(self, name, node)

    def _hear(self, name: str, observer: Observer, said: dict[str, Statement | None]) -> None:
        for other in self.sites:
            if other == name or not self._arrives(other, name):
                continue
            observer.heard_at[other] = max(self.now, observer.heard_at[other])
            if (words := said[other]) is None:
                observer.statements.pop(other, None)
            else:
                observer.statements[other] = (self.now, words)

    def _probe(self, name: str, observer: Observer, target: Target, number: int) -> Result | None:
        ticks = DOUBT_TICKS if observer.is_doubted(target) else CALM_TICKS
        if (self._ticks + 3 * number + 7 * self._places[name]) % ticks[target.check]:
            return None
        result = self._answer(name, observer, target)
        told = self.good_at if result.good else self.failed_at
        told[name, target.node] = self.now
        return result

    def _answer(self, name: str, observer: Observer, target: Target) -> Result:
        node = target.node
        answered = name == node or (self._arrives(name, node) and self._arrives(node, name))
        if not answered:
            return Result(target, False, "no answer", Fault.BLACK_HOLE)
        state = self.states[node]
        if state != "hang":
            observer.heard_at[node] = max(self.now, observer.heard_at[node])
        return Result(target, True) if state == "well" else Result(target, False, state, FAULTS[state])

    def _arrives(self, source: str, to: str) -> bool:
        return (source, to) not in self.cut and not (self.loss and self.random.random() < self.loss)
