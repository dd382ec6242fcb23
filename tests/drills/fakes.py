"""A fleet in memory whose nodes fail the way real ones do, in virtual time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from drills.model import Event, LedgerTotals, Transaction
from drills.protocols import FaultKind
from drills.scenario import SCENARIOS


@dataclass
class World:
    now: float = 1_000.0
    down: str | None = None
    detection_seconds: float = 0.3
    never_recovers: bool = False
    loses: int = 0
    healed: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    interrupt_in_fault: bool = False
    load_running: bool = False
    takes_out: bool = True


class FakeFault:
    def __init__(self, world: World, kind: FaultKind, victim: str) -> None:
        self._world, self._kind, self._victim = world, kind, victim

    def inject(self) -> float:
        self._world.down = self._victim
        at = self._world.now
        self._world.takes_out = next(one.takes_out for one in SCENARIOS.values() if one.fault == self._kind)
        if not self._world.takes_out:
            self._world.events.append(Event(at + 0.1, "suspect", self._victim, "east-2"))
            return at
        for kind, after in (("suspect", 0.1), ("down", 0.3), ("haproxy_set", 0.31), ("dns_update", 0.4)):
            self._world.events.append(Event(at + after, kind, self._victim, "east-2"))  # type: ignore[arg-type]
        return at

    def heal(self) -> float:
        self._world.healed.append(self._victim)
        if not self._world.never_recovers:
            self._world.down = None
            self._world.events.append(Event(self._world.now + 2, "up", self._victim, "east-2"))
        return self._world.now


class FakeLoad:
    """Every 100 ms one message; while a node is down and unnoticed, every second one fails."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._from = world.now

    def start(self) -> None:
        self._world.load_running = True
        self._from = self._world.now

    def stop(self) -> Sequence[Transaction]:
        self._world.load_running = False
        fault_at = next((e.at - 0.1 for e in self._world.events if e.kind == "suspect"), float("inf"))
        made, at, number = [], self._from, 0
        while at < self._world.now:
            hit = self._world.takes_out and number % 2 == 0
            broken = hit and fault_at <= at < fault_at + self._world.detection_seconds
            made.append(
                Transaction(
                    f"m{number}",
                    "sidecar",
                    at,
                    at + 0.01,
                    at + 0.05,
                    None if broken else 250,
                    "reset" if broken else "",
                    ("east-1", "east-2", "west-1", "west-2")[number % 4],
                )
            )
            at, number = at + 0.1, number + 1
        return made


class FakeTarget:
    environment = "lab"

    def __init__(self, world: World) -> None:
        self.world = world

    def victims(self, kind: FaultKind) -> Sequence[str]:
        return ["west-1", "east-1"]

    def nodes_hit(self, kind: FaultKind, victim: str) -> Sequence[str]:
        return [victim]

    def troubles(self) -> Sequence[str]:
        return [f"{self.world.down} is down"] if self.world.down else []

    def fault(self, kind: FaultKind, victim: str) -> FakeFault:
        return FakeFault(self.world, kind, victim)

    def load(self, messages_per_second: int) -> FakeLoad:
        return FakeLoad(self.world)

    def events_since(self, instant: float) -> Sequence[Event]:
        return [event for event in self.world.events if event.at >= instant]

    def ledger(self, transactions: Sequence[Transaction]) -> LedgerTotals:
        accepted = sum(t.accepted for t in transactions)
        return LedgerTotals(accepted, accepted - self.world.loses, 0, 0, self.world.loses, 0, 0)

    def pause(self, seconds: float) -> None:
        if self.world.interrupt_in_fault and self.world.down:
            raise KeyboardInterrupt
        self.world.now += seconds
