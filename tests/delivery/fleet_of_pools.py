"""A small fleet in virtual time: what is sent, what is answered, and the decisions that follow."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from delivery.brain.decide import decide
from delivery.brain.events import Event, EventKind
from delivery.brain.memory_json import parse_memory, render_memory
from delivery.brain.model import Decision, Memory, Policy
from delivery.brain.observe import Address, Waiting, World, observe
from delivery.brain.plan import Row
from delivery.brain.tallies import Tallies
from delivery.model import Attempt, Meaning, Outcome, Path
from fleet.catalogue import Catalogue
from tests.delivery.acts import NOON, attempt

POLICY = Policy(Catalogue.load())
ADDRESSES = tuple(Address(f"192.0.2.{n}", "marketing", 400.0) for n in range(1, 5))


@dataclass
class Fleet:
    """Advance it, feed it, ask it."""

    addresses: tuple[Address, ...] = ADDRESSES
    isps: tuple[str, ...] = ("google",)
    now: float = NOON
    tallies: Tallies = field(default_factory=Tallies)
    memory: Memory = field(default_factory=Memory)
    events: list[Event] = field(default_factory=list)
    waiting: dict[Path, Waiting] = field(default_factory=dict)
    emergencies: frozenset[str] = frozenset()
    decision: Decision | None = None

    def feed(
        self,
        outcome: Outcome,
        times: int,
        said: Meaning | None = None,
        *,
        address: str = "192.0.2.1",
        isp: str = "google",
    ) -> None:
        pool = next(one.pool for one in self.addresses if one.address == address)
        one: Attempt = attempt(self.now, outcome, said, Path(address, isp), pool)
        self.tallies.record(one, self.now, times)

    def decide(self) -> Decision:
        world = World(self.addresses, self.waiting, {}, self.emergencies)
        snapshot = observe(self.tallies, world, self.memory, POLICY, self.now, self.isps)
        self.decision = decide(snapshot, POLICY, self.now)
        self.memory = parse_memory(render_memory(self.decision.memory))
        assert self.memory == self.decision.memory
        self.events += self.decision.events
        return self.decision

    def row(self, address: str = "192.0.2.1", isp: str = "google") -> Row:
        assert self.decision is not None
        return self.decision.plan.by_path()[Path(address, isp)]

    def run(self, seconds: float, every: float, act: Callable[["Fleet"], None] | None = None) -> None:
        """Decide every so often; `act` before each decision."""
        end = self.now + seconds
        while self.now < end:
            self.now += every
            if act is not None:
                act(self)
            self.decide()

    def told(self, *kinds: EventKind) -> list[str]:
        return [event.sentence for event in self.events if event.kind in kinds]


def send_what_is_allowed(every: float, addresses: Iterable[str]) -> Callable[[Fleet], None]:
    """Each address sends, and delivers, what its row allows in `every` seconds."""

    def act(fleet: Fleet) -> None:
        if fleet.decision is None:
            return
        for address in addresses:
            for isp in fleet.isps:
                row = fleet.row(address, isp)
                allowed = int(row.messages_per_hour * every / 3600)
                count = allowed if row.day_left is None else min(allowed, row.day_left)
                if count:
                    fleet.feed(Outcome.DELIVERED, count, address=address, isp=isp)

    return act
