"""Our own approach: the fleet's real decision code, fed with what the simulated ISPs answer."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.eightweeks.approaches import LONGEST_RETRY_TICKS, Host
from bench.eightweeks.isp_model import RECEIVERS
from bench.eightweeks.receiver import TICK_SECONDS, TICKS_PER_DAY, Answer
from bench.eightweeks.traffic import BURNT_DAY, DELISTED_DAY
from delivery.brain.decide import decide
from delivery.brain.events import Event, EventKind
from delivery.brain.model import Decision, Listing, Memory, Policy
from delivery.brain.observe import Address, Waiting, World, observe
from delivery.brain.overflow import MessageClass
from delivery.brain.plan import Row
from delivery.brain.tallies import Complaint, Tallies
from delivery.model import Action, Attempt, Category, Meaning, Outcome, Path, Reply, Scope
from fleet.catalogue import Catalogue

EPOCH = 1_735_689_600.0
"""A UTC midnight."""
_RATE = Meaning("sim/rate", Category.RATE, Scope.ADDRESS, (Action.SLOW_DOWN,))
_BLOCK = Meaning("sim/block", Category.BLOCK, Scope.ADDRESS, (Action.OTHER_ADDRESS, Action.RUNBOOK))
_UNKNOWN = Meaning("sim/unknown", Category.UNKNOWN_RECIPIENT, Scope.RECIPIENT, (Action.SUPPRESS,))
_LISTED = (Listing("zen.spamhaus.org", major=True),)


@dataclass
class Ours:
    """The brain in the loop."""

    hosts: tuple[Host, ...]
    burnt: str
    name: str = "mtafleet"
    nodes: int = 4
    tallies: Tallies = field(default_factory=Tallies)
    memory: Memory = field(default_factory=Memory)
    events: list[Event] = field(default_factory=list)
    _policy: Policy = field(default_factory=lambda: Policy(Catalogue.load()))
    _rows: Mapping[Path, Row] = field(default_factory=dict)
    _sent: dict[Path, int] = field(default_factory=dict)
    _waiting: deque[dict[tuple[str, str], int]] = field(default_factory=lambda: deque(maxlen=3))

    def remember(self, usual_per_day: Mapping[tuple[str, str], float]) -> None:
        """Two weeks of history, as a fleet that has run has them."""
        by_address = {host.address: host for host in self.hosts}
        start = EPOCH - 15 * 86_400
        world = World(tuple(self._address(host, 0) for host in self.hosts if host.since_day < 0))
        self.memory = self._decide(world, start).memory
        for day in range(15):
            at = start + day * 86_400 + 43_200
            for (address, isp), count in usual_per_day.items():
                self._record(by_address[address], isp, at, Outcome.DELIVERED, int(count), None)
            self.memory = self._decide(world, at).memory

    def plan(self, tick: int, hosts: Iterable[Host], waiting: Mapping[tuple[str, str], int]) -> None:
        serving = tuple(hosts)
        known = [host for host in self.hosts if host.since_day <= tick // TICKS_PER_DAY]
        present = {host.address for host in serving}
        self._waiting.append(dict(waiting))
        lost = frozenset(host.kind for host in known if host.address not in present)
        world = World(
            tuple(self._address(host, tick, present=host.address in present) for host in known),
            self._waits(known),
            {},
            lost,
        )
        decision = self._decide(world, EPOCH + tick * TICK_SECONDS)
        self.memory, self._rows, self._sent = decision.memory, decision.plan.by_path(), {}
        self.events += decision.events

    def room(self, tick: int, host: Host, isp: str, kind: str) -> int:
        row = self._rows[Path(host.address, isp)]
        if host.kind != kind or MessageClass[kind.upper()] not in row.carries:
            return 0
        room = row.messages_per_hour * TICK_SECONDS // 3600 - self._sent.get(row.path, 0)
        return max(0, room if row.day_left is None else min(room, row.day_left))

    def told(self, tick: int, host: Host, isp: str, answer: Answer) -> None:
        path = Path(host.address, isp)
        self._sent[path] = self._sent.get(path, 0) + sum(answer) - answer.complaints
        at = EPOCH + tick * TICK_SECONDS + TICK_SECONDS - 1
        self._record(host, isp, at, Outcome.DELIVERED, answer.inbox + answer.spam, None)
        self._record(host, isp, at, Outcome.BOUNCED, answer.bounced, _UNKNOWN)
        self._record(host, isp, at, Outcome.DEFERRED, answer.deferred, _RATE)
        self._record(host, isp, at, Outcome.DEFERRED, answer.blocked, _BLOCK)
        if answer.complaints and RECEIVERS[isp].reports_complaints:
            self.tallies.complain(Complaint(at, host.kind, isp, host.address), at, answer.complaints)

    def retry_ticks(self, tries: int) -> int:
        return int(min(LONGEST_RETRY_TICKS, 2 ** (tries - 1)))

    def runbooks(self) -> int:
        """How often a person was called."""
        return sum(event.kind is EventKind.RUNBOOK for event in self.events)

    def _decide(self, world: World, now: float) -> Decision:
        snapshot = observe(self.tallies, world, self.memory, self._policy, now, RECEIVERS)
        return decide(snapshot, self._policy, now)

    def _address(self, host: Host, tick: int, *, present: bool = True) -> Address:
        day = tick // TICKS_PER_DAY
        listed = host.address == self.burnt and BURNT_DAY <= day < DELISTED_DAY
        age = None if host.since_day >= 0 else float(day - host.since_day)
        return Address(host.address, host.kind, age, _LISTED if listed else (), present)

    def _waits(self, hosts: Iterable[Host]) -> dict[Path, Waiting]:
        now, before = self._waiting[-1], self._waiting[0]
        return {
            Path(host.address, isp): Waiting(now.get((host.kind, isp), 0), before.get((host.kind, isp), 0))
            for host in hosts
            for isp in RECEIVERS
        }

    def _record(
        self, host: Host, isp: str, at: float, outcome: Outcome, times: int, said: Meaning | None
    ) -> None:
        if times:
            reply = None if said is None else Reply(said.rule, 421)
            path = Path(host.address, isp)
            one = Attempt(at, host.region, host.kind, "0", isp, path, outcome, None, reply, said)
            self.tallies.record(one, at, times)
