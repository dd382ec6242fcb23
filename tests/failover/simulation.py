"""One observer and its decision in virtual time, in a world whose faults the test chooses and knows.

Nodes are probed and heard as the daemon does it: a session to each every 100 ms, five times as rarely while
nothing is in doubt; an answer that has not come after 200 ms is a failure; heartbeats come each 100 ms.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from failover.decide import (
    Check,
    Decision,
    Fault,
    Group,
    GroupKey,
    HoldDown,
    Policy,
    QueueFigures,
    Result,
    SlowReturn,
    Snapshot,
    Standing,
    Target,
    Threshold,
    VitalLimits,
    Vitals,
    decide,
)
from failover.memory import parse_memory, render_memory

State = Literal["well", "crash", "hang", "gray", "cut off", "one way", "full", "starved"]
SITES = {"a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b", "b3": "b", "w": "c", "o": "d"}
NODES = ("a1", "a2", "a3", "b1", "b2", "b3")
KEY = GroupKey("relay", "orders")
TICK_SECONDS = 0.05
PROBE_TICKS = 2
CALM_TICKS = 10
TIMEOUT_SECONDS = 0.2
ACTED_SECONDS = 2.0
"""A calm interval, a timeout, two failures, and a second in which lost packets may have cast a doubt."""
WISER_SECONDS = 2.0
"""What a blind observer did before it knew, it has undone in this time."""
RULES = HoldDown(base_seconds=1.0, most_seconds=8.0, window_seconds=20.0, budget=4)
RESTORED_SECONDS = 60.0
"""Proof, the longest time held down, all turns of a group, steps of weight."""
POLICY = Policy(
    observer="o",
    groups=(Group(KEY, {node: (Target(node, "orders", Check.NOOP),) for node in NODES}),),
    thresholds={Check.NOOP: Threshold(fall=2, rise=10)},
    silence_seconds=0.4,
    floor_percent=30,
    most_lag_seconds=0.1,
    most_ejected_percent=50,
    sites=SITES,
    hold_down=RULES,
    slow_return=SlowReturn((10, 50), 0.5),
    vital_limits=VitalLimits(5, 300, 1000, 95, 100),
)
TOLD = {"full": Vitals(disk_free_percent=1), "starved": Vitals(cpu_pressure_percent=99)}
"""What a node that answers as it should says of itself; of anything else it says that all is well."""
HEEDED_SECONDS = 5.0
START = Decision({}, {}, frozenset(), ())
_SEEN_AS = {
    "crash": Fault.CRASH,
    "gray": Fault.GRAY,
    "hang": Fault.HANG,
    "cut off": Fault.HANG,
    "one way": Fault.HANG,
}


@dataclass
class World:
    """`states` and the observer's own troubles may be changed between runs; `now` is in seconds."""

    random: Random
    policy: Policy = POLICY
    now: float = 1000.0
    states: dict[str, State] = field(default_factory=lambda: dict.fromkeys(NODES, "well"))
    deaf: bool = False
    """Nothing reaches the observer."""
    outage: bool = False
    """Whether the world takes no mail: every queue gets stuck, and no node can help it. See `world_takes`."""
    outage_settled_at: float = 0.0
    """When every node must have told how its queue is, or does not count any more."""
    mute: bool = False
    """Nothing that the observer sends arrives; it still hears heartbeats."""
    lag_seconds: float = 0.0
    loss: float = 0.0
    decision: Decision = START
    exits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NODES, 0))
    changed_at: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NODES, 0.0))
    trusted_since: float = 1000.0
    blind_since: float | None = None
    out_before: set[str] = field(default_factory=set)
    """Who was out when the observer went blind."""
    company_since: float = 0.0
    """Since when at least two nodes are well: an observer cannot do with less."""
    forgetful_restarts: int = 0
    _ticks: int = 0
    _heard_at: dict[str, float] = field(default_factory=dict)
    _told: dict[str, tuple[float, Vitals]] = field(default_factory=dict)
    """When each node was heard last, and what it then said of itself."""

    def __post_init__(self) -> None:
        self._heard_at = dict.fromkeys((*NODES, "w", "o"), self.now)

    @property
    def standings(self) -> dict[str, Standing]:
        return dict(self.decision.plan[KEY])

    @property
    def out(self) -> set[str]:
        return {node for node, one in self.decision.plan.get(KEY, {}).items() if not one.in_service}

    def become(self, state: State, *nodes: str) -> None:
        for node in nodes:
            if self.states[node] != state:
                self.states[node], self.changed_at[node] = state, self.now
                self.company_since = self.now  # whoever changes, the picture is another one

    def world_takes(self, *, mail: bool) -> None:
        """Whether others take mail from the fleet."""
        if self.outage is mail:
            self.outage, self.outage_settled_at = not mail, self.now + HEEDED_SECONDS

    def blind(self, how: Literal["deaf", "mute"]) -> None:
        if self.blind_since is None:
            self.blind_since, self.out_before = self.now, self.out
        self.deaf, self.mute = how == "deaf", how == "mute"

    def see(self) -> None:
        self.deaf = self.mute = False
        self.lag_seconds = 0.0
        self.blind_since, self.trusted_since = None, self.now

    def restart(self, *, remembering: bool) -> None:
        """The daemon starts anew, as `failover.daemon` does, with its memory or without."""
        kept = START
        if remembering:
            text = render_memory(self.decision, self.now, self.now)
            found = parse_memory(text, self.policy, self.now + 0.5, self.now + 0.5)
            kept = Decision(found.health, found.plan, frozenset(), ())
        else:
            self.forgetful_restarts += 1
        self.now += 0.5
        self.decision = kept
        self._heard_at = dict.fromkeys(self._heard_at, self.now + 1.0)
        self._told = {}
        self.trusted_since = self.now + 1.0

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_SECONDS)):
            self.tick()
            check(self)

    def tick(self) -> None:
        self.now += TICK_SECONDS
        self._ticks += 1
        before = self.decision
        self.decision = decide(self._snapshot(self._look()), self.policy, self.now)
        for node, one in self.decision.plan[KEY].items():
            was = before.plan.get(KEY, {}).get(node, Standing())
            self.exits[node] += was.in_service and was.healthy and not one.in_service

    def _look(self) -> list[Result]:
        self._heard_at["o"] = self.now
        if self._ticks % PROBE_TICKS == 0 and not self.deaf:
            beating = [node for node in NODES if self.states[node] != "cut off"]
            for node in (*beating, "w"):
                if not self._lost():
                    self._heard_at[node] = max(self.now, self._heard_at[node])
                    self._told[node] = (self.now, self._vitals(node))
        results = []
        for number, node in enumerate(NODES):
            if (self._ticks + number) % (PROBE_TICKS if self._is_doubted(node) else CALM_TICKS) == 0:
                results += self._probe(node)
        return results

    def _vitals(self, node: str) -> Vitals:
        waited = 900 if self.outage and node in NODES else 0
        told = TOLD.get(self.states.get(node, "well"), Vitals(disk_free_percent=60, cpu_pressure_percent=7))
        return told._replace(queues={"orders": QueueFigures(0, waited)})

    def _is_doubted(self, node: str) -> bool:
        health = self.decision.health.get(Target(node, "orders", Check.NOOP))
        return health is not None and (not health.up or health.run > 0)

    def _probe(self, node: str) -> list[Result]:
        target = Target(node, "orders", Check.NOOP)
        state, since = self.states[node], self.changed_at[node]
        blind = self.deaf or self.mute
        if blind or self._lost():
            state, since = "hang", max(since, self.blind_since or 0.0) if blind else 0.0
        if state == "well" or state in TOLD:
            self._heard_at[node] = max(self.now, self._heard_at[node])
            return [Result(target, True)]
        if _SEEN_AS[state] is Fault.HANG and self.now < since + TIMEOUT_SECONDS:
            return []
        return [Result(target, False, state, _SEEN_AS[state])]

    def _lost(self) -> bool:
        return self.loss > 0 and self.random.random() < self.loss

    def _snapshot(self, results: list[Result]) -> Snapshot:
        before = self.decision
        return Snapshot(
            results=tuple(results),
            heard_at=dict(self._heard_at),
            lag_seconds=self.lag_seconds,
            health=before.health,
            plan=before.plan,
            silent=before.silent,
            heeded_reports=before.heeded_reports,
            heeded_orders=before.heeded_orders,
            heeded_overrides=before.heeded_overrides,
            doubted=before.doubt is not None,
            vitals={node: one for node, (at, one) in self._told.items() if self.now - at <= HEEDED_SECONDS},
            heeded_vitals=before.heeded_vitals,
            complaining=before.complaining,
            due=before.due,
        )


def check(world: World) -> None:
    """What holds after every single cycle."""
    standings = world.standings
    assert len(standings) - len(world.out) >= -(-len(NODES) * world.policy.floor_percent // 100) >= 1
    ejected = sum(not one.healthy for one in standings.values() if not one.in_service)
    assert ejected <= len(NODES) * world.policy.most_ejected_percent // 100
    for one in standings.values():
        assert one.healthy or not one.in_service or "but kept because" in one.reason
        assert "stuck" not in one.reason or world.now < world.outage_settled_at, "nobody leaves for it"
    _check_that_the_worst_are_out(world)
    _check_that_faults_are_known(world)
    if world.blind_since is None:
        return
    if world.now > max(world.blind_since, world.trusted_since) + WISER_SECONDS:
        well = {node for node, since in world.changed_at.items() if since < world.blind_since}
        wronged = {node for node in world.out & well if world.states[node] == "well"} - world.out_before
        assert not wronged, wronged


def _check_that_the_worst_are_out(world: World) -> None:
    if world.decision.doubt is not None:
        return
    sick = [(one.in_service, one.fault.severity) for one in world.standings.values() if one.fault]
    out = [severity for in_service, severity in sick if not in_service]
    kept = [severity for in_service, severity in sick if in_service]
    assert max(kept, default=0) <= min(out, default=99)


def _check_that_faults_are_known(world: World) -> None:
    """Each failure that lasts is acted on, or kept for a reason, while there is somebody to compare with."""
    well = sum(state == "well" for state in world.states.values())
    if world.blind_since is not None or world.lag_seconds or well < 2:
        return
    starved = sum(state == "starved" for state in world.states.values())
    for node, state in world.states.items():
        if state == "starved" and 2 * (starved + 1) > well:
            continue  # then it may be what the nodes have in common
        since = max(world.trusted_since, world.changed_at[node], world.company_since)
        if state != "well" and world.now > since + ACTED_SECONDS:
            assert not world.standings[node].healthy, (node, state, world.now - since)
