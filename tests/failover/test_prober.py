"""The prober over real sockets on loopback, with the clock and the peers in the test's hand."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from failover.config import Config, parse_config
from failover.decide import Check, Decision, Health, Snapshot, Target, decide
from failover.prober import Prober
from failover.pulse import Pulse, open_socket
from failover.shape import policy_of
from tests.failover.fleet_of_two import configuration
from tests.failover.loopback import in_order
from tests.failover.peers import FakePeer, until

SECRET = b"k" * 32
OWN = "127.0.0.1"
THEIRS = "127.0.0.2"


class World:
    """One prober named east-1, itself and west-1 as peers, and the decisions that follow.

    `settle` returns once everything that was sent has arrived.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        self.now = 100.0
        self._settle = settle
        self.peers = {"east-1": FakePeer(OWN), "west-1": FakePeer(THEIRS)}
        self.config = self._config()
        sock = open_socket(OWN, 0)
        others = {peer.name: peer for peer in self.config.peers if peer.name != "east-1"}
        self.prober = Prober(self.config, Pulse("east-1", SECRET, sock, others), self.now)
        self.policy = policy_of(self.config)
        self.decision = Decision({}, {}, frozenset(), ())
        self.results: list[tuple[str, bool]] = []

    def _config(self) -> Config:
        value: dict[str, Any] = configuration(dns=None, haproxy=None)
        for peer in value["peers"]:
            peer["probes"] = {"orders": self.peers[peer["name"]].port}
        return parse_config(value)

    def pass_time(self, seconds: float) -> None:
        """Tick through `seconds`; between two ticks everybody does all the work that waits."""
        for _ in range(round(seconds / self.prober.tick_seconds)):
            for _ in range(20):
                self._serve()
            self.now += self.prober.tick_seconds
            self._take(self.prober.tick(self.now, self.decision.health))

    def until_alarm_is_heeded(self, node: str) -> None:
        until(lambda: not self.line(node).up, self._serve)

    def hurry(self, target: Target) -> None:
        """No time passes until the session is over."""
        before = len(self.results)
        self.prober.hurry(target, self.now, self.decision.health)
        until(lambda: len(self.results) > before, self._serve)

    def line(self, node: str, check: Check = Check.NOOP) -> Health:
        return self.decision.health.get(Target(node, "orders", check), Health())

    def close(self) -> None:
        self.prober.close()
        for peer in self.peers.values():
            peer.crash()

    def _serve(self) -> None:
        self._settle()
        for peer in self.peers.values():
            peer.serve()
        self._settle()
        self._take(self.prober.handle_alarms(self.now))

    def _take(self, found: list[Any]) -> None:
        self.results += [(one.target.node, one.good) for one in found]
        before = self.decision
        self.decision = decide(
            Snapshot(
                results=tuple(found),
                heard_at=self.prober.heard_at,
                health=before.health,
                plan=before.plan,
                silent=before.silent,
            ),
            self.policy,
            self.now,
        )


@pytest.fixture
def world() -> Iterator[World]:
    with in_order() as settle:
        one = World(settle)
        yield one
        one.close()


def test_healthy_peers_stay_healthy_and_are_probed_at_the_interval(world: World) -> None:
    world.pass_time(5.0)
    assert all(good for _, good in world.results)
    assert 45 <= world.peers["west-1"].noops <= 51


def test_a_hanging_peer_is_down_within_two_deadlines_and_nobody_else(world: World) -> None:
    world.pass_time(1.0)
    world.peers["west-1"].mode = "hang"
    world.pass_time(0.2)
    assert world.line("west-1").up
    world.pass_time(0.25)
    assert not world.line("west-1").up
    assert world.line("west-1").reason == "no reply to NOOP within 200 ms"
    assert world.line("east-1").up


def test_a_peer_that_answers_again_comes_back_after_rise(world: World) -> None:
    world.pass_time(1.0)
    world.peers["west-1"].mode = "hang"
    world.pass_time(0.6)
    world.peers["west-1"].mode = "good"
    world.pass_time(0.1)
    assert not world.line("west-1").up
    world.pass_time(0.5)
    assert world.line("west-1").up


def test_a_crashed_peer_is_down_without_waiting_for_a_tick(world: World) -> None:
    world.pass_time(1.0)
    world.peers["west-1"].crash()
    world.until_alarm_is_heeded("west-1")
    assert "connection refused" in world.line("west-1").reason


def test_a_crashed_peer_that_listens_again_comes_back(world: World) -> None:
    world.pass_time(1.0)
    world.peers["west-1"].crash()
    world.until_alarm_is_heeded("west-1")
    world.pass_time(1.0)
    world.peers["west-1"].start()
    world.pass_time(3.0)
    assert world.line("west-1").up


def test_a_peer_that_resets_is_down(world: World) -> None:
    world.pass_time(1.0)
    world.peers["west-1"].mode = "reset"
    world.pass_time(0.5)
    assert not world.line("west-1").up


def test_a_peer_that_refuses_new_sessions_is_found_by_fresh_ones(world: World) -> None:
    world.pass_time(1.5)
    west = world.peers["west-1"]
    west.mode = "421"
    world.pass_time(7.0)
    assert world.line("west-1").up
    assert not world.line("west-1", Check.SESSION).up
    assert "421 4.3.2 too busy" in world.line("west-1", Check.SESSION).reason


def test_a_short_session_of_a_client_has_one_probe_made_that_waits_for_no_tick(world: World) -> None:
    world.pass_time(1.5)
    west, target = world.peers["west-1"], Target("west-1", "orders", Check.SESSION)
    west.mode = "421"
    world.hurry(target)
    assert not world.line("west-1", Check.SESSION).up
    assert world.line("west-1").up


def test_a_short_session_harms_nobody_who_is_well(world: World) -> None:
    world.pass_time(1.5)
    world.hurry(Target("west-1", "orders", Check.SESSION))
    assert world.line("west-1", Check.SESSION) == Health(since=world.line("west-1", Check.SESSION).since)
    assert all(good for _, good in world.results)


def test_a_stuck_session_is_given_up_and_made_again(world: World) -> None:
    world.pass_time(1.0)
    before = world.peers["west-1"].sessions
    world.peers["west-1"].mode = "hang"
    world.pass_time(3.0)
    world.peers["west-1"].mode = "good"
    world.pass_time(3.0)
    assert world.peers["west-1"].sessions > before
    assert world.line("west-1").up
