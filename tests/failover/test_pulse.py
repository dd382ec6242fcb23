"""Who hears a node's heartbeats, and how often: the cost of one node does not grow with its fleet."""

import socket
from collections import Counter
from typing import cast

from failover.config import Peer
from failover.pulse import IN_TURN, Pulse


class CountingSocket:
    """Takes datagrams and notes to whom they went."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def sendto(self, _: bytes, to: tuple[str, int]) -> None:
        self.sent[to[0]] += 1

    def take(self) -> Counter[str]:
        found, self.sent = self.sent, Counter()
        return found


def a_pulse(others: int, watchers: frozenset[str] | None) -> tuple[Pulse, CountingSocket]:
    """Peers bear their names as addresses."""
    wire = CountingSocket()
    peers = {f"n{one}": Peer(f"n{one}", "a", "mta", f"n{one}", 7946, {}) for one in range(others)}
    return Pulse("m", b"s" * 32, cast(socket.socket, wire), peers, watchers), wire


def test_in_a_small_fleet_every_beat_goes_to_everybody() -> None:
    pulse, wire = a_pulse(5, None)
    for _ in range(3):
        pulse.beat()
    assert wire.take() == {f"n{one}": 3 for one in range(5)}


def test_watchers_get_every_beat_and_the_others_have_their_turns() -> None:
    watchers = frozenset({"n3", "n7", "n11"})
    pulse, wire = a_pulse(99, watchers)
    pulse.beat()
    assert set(wire.take()) == pulse.peers.keys(), "who has just started is heard by all"
    for _ in range(6):
        pulse.beat()
        sent = wire.take()
        assert len(sent) == sent.total() == 3 + IN_TURN
        assert watchers <= sent.keys()
    for _ in range(60):
        pulse.beat()
    sent = wire.take()
    turns = {sent[name] for name in pulse.peers.keys() - watchers}
    assert turns == {10}, "16 of 96 in each beat"


def test_with_few_others_each_beat_reaches_all() -> None:
    pulse, wire = a_pulse(12, frozenset({"n1", "n2", "n3"}))
    pulse.beat()
    wire.take()
    pulse.beat()
    assert wire.take() == {f"n{one}": 1 for one in range(12)}


def test_news_goes_to_all_at_once() -> None:
    pulse, wire = a_pulse(99, frozenset({"n1", "n2", "n3"}))
    pulse.beat()
    wire.take()
    pulse.state(b'{"down": ["n5"], "entries": true, "partial": false}')
    assert set(wire.take()) == pulse.peers.keys()
    pulse.report(b'{"failing": ["orders"]}')
    assert set(wire.take()) == pulse.peers.keys()
