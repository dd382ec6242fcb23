"""The lease in virtual time: what may never happen, whatever is lost, late, twice, paused or started anew."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from failover.errors import StoreConflict
from failover.lease import PATIENCE_FACTOR, Attempt, Candidate, Entry, LeaseRecord, decode_record
from tests.failover.stores import FakeStore

TERM = 3.0
RATES = (0.96, 1.0, 1.04)
"""Of the nodes' clocks: the fastest and the slowest differ by less than candidates allow for."""


def test_a_record_survives_the_store_and_anything_else_counts_as_none() -> None:
    record = LeaseRecord("east-1", "a1", 7, 3, TERM)
    assert decode_record(record.encode()) == record
    for wrong in (b"", b"[]", b'{"holder": "x"}', record.encode().replace(b"7", b"-7"), b"\xff"):
        assert decode_record(wrong) is None


class Alone:
    """A candidate with a store that never fails."""

    def __init__(self, node: str = "east-1", run: str = "1", store: FakeStore | None = None) -> None:
        self.store = store or FakeStore()
        self.one = Candidate(node, run, TERM)

    def turn(self, now: float, *, willing: bool = True, epoch_above: int = 0) -> None:
        if self.one.must_read or not self.one.is_holder:
            self.one.saw(self.store.entry, now)
        attempt = self.one.propose(now, willing=willing, epoch_above=epoch_above, wait_seconds=0.0)
        if attempt is not None:
            try:
                self.one.succeeded(attempt, self.store.put(attempt.record.encode(), attempt.revision), now)
            except StoreConflict:
                self.one.failed()

    def until_held(self, now: float) -> float:
        while self.one.epoch(now) is None:
            now += 0.5
            self.turn(now)
        return now


def test_an_empty_store_is_waited_at_for_a_term_since_it_may_have_lost_the_lease() -> None:
    alone = Alone()
    alone.turn(0.0)
    alone.turn(TERM * PATIENCE_FACTOR - 0.1)
    assert alone.one.epoch(TERM) is None
    alone.turn(TERM * PATIENCE_FACTOR + 0.1)
    assert alone.one.epoch(TERM * PATIENCE_FACTOR + 0.2) == 1


def test_belief_ends_one_term_after_the_last_renewal_began() -> None:
    alone = Alone()
    now = alone.until_held(0.0)
    assert alone.one.epoch(now + TERM - 0.01) == 1
    assert alone.one.epoch(now + TERM) is None


def test_belief_counts_from_when_a_renewal_began_and_not_from_its_late_answer() -> None:
    alone = Alone()
    now = alone.until_held(0.0)
    attempt = alone.one.propose(now + 1, willing=True, epoch_above=0, wait_seconds=0.0)
    assert attempt is not None
    revision = alone.store.put(attempt.record.encode(), attempt.revision)
    alone.one.succeeded(attempt, revision, now + 3.5)
    assert alone.one.epoch(now + 3.9) == 1
    assert alone.one.epoch(now + 1 + TERM) is None


def test_a_lease_given_back_is_taken_at_once_under_a_higher_epoch() -> None:
    first = Alone()
    now = first.until_held(0.0)
    first.turn(now, willing=False)
    assert first.one.epoch(now) is None
    second = Alone("west-1", "2", first.store)
    second.turn(now)
    assert second.one.epoch(now) == 2


def test_the_holders_daemon_started_anew_is_somebody_else() -> None:
    first = Alone()
    now = first.until_held(0.0)
    again = Alone("east-1", "2", first.store)
    again.turn(now)
    assert again.one.epoch(now) is None
    later = again.until_held(now)
    assert later - now > TERM
    assert again.one.epoch(later) == 2


def test_an_epoch_is_above_what_name_servers_have_seen_when_it_is_taken_and_later() -> None:
    alone = Alone()
    now = 10.0
    alone.turn(0.0, epoch_above=57)
    alone.turn(now, epoch_above=57)
    assert alone.one.epoch(now) == 58
    alone.turn(now + 0.5, epoch_above=90)
    assert alone.one.epoch(now + 0.5) == 91


def test_a_value_that_is_no_record_is_replaced_after_a_term() -> None:
    alone = Alone()
    alone.store.put(b"written by hand", None)
    now = alone.until_held(0.0)
    assert now > TERM


@dataclass
class Request:
    """On its way to the store. `number` tells its sender whether the answer is still waited for."""

    sender: "Node"
    number: int
    attempt: Attempt | None
    """None: a read."""


@dataclass
class Answer:
    request: Request
    result: Entry | int | StoreConflict | None


@dataclass
class Node:
    name: str
    rate: float
    candidate: Candidate
    runs: int = 1
    willing: bool = True
    waits_for: int | None = None
    known_epoch: int = 0
    sent: int = 0


nodes = st.integers(0, 2)
anything = st.integers(0, 1000)


class Leases(RuleBasedStateMachine):
    """Three candidates, a store, a network that does what it likes, and one name server with a fence."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.store = FakeStore()
        self.nodes = [
            Node(f"n{number}", rate, Candidate(f"n{number}", "1", TERM)) for number, rate in enumerate(RATES)
        ]
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.fence = 0
        self.fenced: list[int] = []
        self.owners: dict[int, tuple[str, str]] = {}

    def clock(self, node: Node) -> float:
        return self.now * node.rate

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.3, 0.5, 1.0, 2.9, 3.2, 3.6]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(which=nodes)
    def begin_a_turn(self, which: int) -> None:
        node = self.nodes[which]
        if node.waits_for is None:
            self._turn(node)

    def _turn(self, node: Node) -> None:
        if node.candidate.must_read or not node.candidate.is_holder:
            self._send(node, None)
        else:
            self._propose(node)

    def _propose(self, node: Node) -> None:
        attempt = node.candidate.propose(
            self.clock(node), willing=node.willing, epoch_above=node.known_epoch, wait_seconds=0.0
        )
        if attempt is not None:
            self._send(node, attempt)

    def _send(self, node: Node, attempt: Attempt | None) -> None:
        node.sent += 1
        node.waits_for = node.sent
        self.requests.append(Request(node, node.sent, attempt))

    @precondition(lambda self: self.requests)
    @rule(pick=anything, again=st.booleans(), lose_answer=st.booleans())
    def a_request_arrives(self, pick: int, again: bool, lose_answer: bool) -> None:
        """Whichever it is; it may arrive once more later, and its answer may be lost."""
        request = self.requests[pick % len(self.requests)]
        if not again:
            self.requests.remove(request)
        answer = Answer(request, self._carry_out(request))
        if not lose_answer:
            self.answers.append(answer)

    def _carry_out(self, request: Request) -> Entry | int | StoreConflict | None:
        if request.attempt is None:
            return self.store.entry
        try:
            revision = self.store.put(request.attempt.record.encode(), request.attempt.revision)
        except StoreConflict as conflict:
            return conflict
        self._check_history(request.attempt.record)
        return revision

    @precondition(lambda self: self.requests)
    @rule(pick=anything)
    def a_request_is_lost(self, pick: int) -> None:
        self.requests.pop(pick % len(self.requests))

    @precondition(lambda self: self.answers)
    @rule(pick=anything)
    def an_answer_arrives(self, pick: int) -> None:
        """One that nobody waits for any more is thrown away."""
        answer = self.answers.pop(pick % len(self.answers))
        request = answer.request
        node = request.sender
        if node.waits_for != request.number:
            return
        node.waits_for = None
        if request.attempt is None:
            assert not isinstance(answer.result, int | StoreConflict)
            node.candidate.saw(answer.result, self.clock(node))
            self._propose(node)
        elif isinstance(answer.result, int):
            node.candidate.succeeded(request.attempt, answer.result, self.clock(node))
        else:
            node.candidate.failed()

    @rule(which=nodes)
    def a_node_waits_no_longer(self, which: int) -> None:
        node = self.nodes[which]
        if node.waits_for is not None:
            node.waits_for = None
            node.candidate.failed()

    @rule(which=nodes)
    def a_daemon_is_started_anew(self, which: int) -> None:
        node = self.nodes[which]
        node.runs += 1
        node.candidate = Candidate(node.name, str(node.runs), TERM)
        node.waits_for = None

    @rule(which=nodes)
    def a_node_is_of_another_mind(self, which: int) -> None:
        self.nodes[which].willing = not self.nodes[which].willing

    @rule(which=nodes)
    def a_node_looks_at_the_zone(self, which: int) -> None:
        self.nodes[which].known_epoch = max(self.nodes[which].known_epoch, self.fence)

    @rule(which=nodes)
    def a_node_writes_the_zone(self, which: int) -> None:
        epoch = self.nodes[which].candidate.epoch(self.clock(self.nodes[which]))
        if epoch is not None and epoch >= self.fence:
            self.fence = epoch
            self.fenced.append(epoch)

    @invariant()
    def at_most_one_node_believes(self) -> None:
        assert sum(one.candidate.epoch(self.clock(one)) is not None for one in self.nodes) <= 1

    @invariant()
    def the_zone_never_goes_back(self) -> None:
        assert self.fenced == sorted(self.fenced)

    def _check_history(self, record: LeaseRecord) -> None:
        """Epochs only rise, and no epoch is ever held by two runs of a daemon."""
        earlier = [found for value in self.store.writes[:-1] if (found := decode_record(value))]
        assert all(one.epoch <= record.epoch for one in earlier)
        if record.holder:
            owner = self.owners.setdefault(record.epoch, (record.holder, record.run))
            assert owner == (record.holder, record.run)

    def teardown(self) -> None:
        """Once all is well, one node holds the lease before long, above all that the zone has seen."""
        self.requests, self.answers = [], []
        for node in self.nodes:
            node.waits_for, node.willing, node.known_epoch = None, True, self.fence
            node.candidate.failed()
        for _ in range(20):
            self.now += 0.5
            for node in self.nodes:
                self._undisturbed(node)
                self.at_most_one_node_believes()
        believers = [one.candidate.epoch(self.clock(one)) for one in self.nodes]
        (epoch,) = [one for one in believers if one is not None]
        assert epoch >= self.fence

    def _undisturbed(self, node: Node) -> None:
        self._turn(node)
        while self.requests:
            self.a_request_arrives(0, again=False, lose_answer=False)
            self.an_answer_arrives(0)


Leases.TestCase.settings = settings(max_examples=150, stateful_step_count=60)
TestLeases = Leases.TestCase
