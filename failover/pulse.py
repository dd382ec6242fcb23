"""This node's heartbeats on the wire: one UDP socket for all peers.

In a large fleet each beat goes to those that watch this node, and to IN_TURN of the others in turn: what a
node sends in a second does not grow with the fleet. News goes to all at once.
"""

import secrets
import socket
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from failover.config import Peer
from failover.decide import Statement
from failover.heartbeat import MAXIMUM_BYTES, PARTED_BY, Correspondent, Heartbeat, decode, encode
from failover.report import Report

_MOST_PER_TICK = 512
IN_TURN = 16
"""With 200 nodes each of the others is told within 1.3 s, and what it is told counts for 5 s."""


@dataclass(slots=True)
class Pulse:
    """Sends heartbeats when `beat` is called, and takes in theirs.

    `socket` must be bound and non-blocking; `peers` are the others, each with a heartbeat port.
    """

    node: str
    secret: bytes
    socket: socket.socket
    peers: Mapping[str, Peer]
    watchers: frozenset[str] | None = None
    """Those that miss this node when a beat does not come; None: all peers."""
    own_life: int = field(default_factory=lambda: secrets.randbits(63) | 1)
    heard: set[str] = field(default_factory=set)
    """Peers that were heard since the caller last looked."""
    refused: int = 0
    """Datagrams with a wrong MAC, an unknown sender or an old sequence."""
    news: bool = False
    """Whether a peer has said something else of its instances since the caller last looked."""
    own_report: bytes = b"{}"
    """What this node says of itself."""
    own_statement: bytes = b""
    """What it finds of others."""
    _sequence: int = 0
    _others: deque[str] = field(default_factory=deque)
    """Peers that do not watch this node; whose turn is next comes first."""
    _known: dict[str, Correspondent] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.watchers is not None:
            # Each begins with another: else all nodes would speak to the same ones at once.
            around = sorted([*self.peers, self.node])
            at = around.index(self.node)
            self._others.extend(
                name for name in (*around[at + 1 :], *around[:at]) if name not in self.watchers
            )

    def beat(self) -> None:
        """A heartbeat to those whose turn it is; the first one of all to everybody."""
        if self.watchers is None or self._sequence == 0:
            self.send()
            return
        due = [self._others[place] for place in range(min(IN_TURN, len(self._others)))]
        self._others.rotate(-len(due))
        self._send((*self.watchers, *due))

    def send(self) -> None:
        """One heartbeat to every peer."""
        self._send(self.peers)

    def _send(self, names: Iterable[str]) -> None:
        """What cannot be sent is lost, as it would be on the wire."""
        self._sequence += 1
        body = self.own_report + PARTED_BY + self.own_statement
        for name in names:
            peer = self.peers[name]
            echo = self._correspondent(name).candidate_life
            beat = Heartbeat(self.node, self.own_life, echo, self._sequence, body)
            try:
                self.socket.sendto(encode(self.secret, beat, name), (peer.address, peer.heartbeat_port or 0))
            except OSError:
                continue

    def receive(self) -> None:
        """Take in every datagram that waits, up to a bound that a flood cannot exceed."""
        for _ in range(_MOST_PER_TICK):
            try:
                datagram = self.socket.recv(MAXIMUM_BYTES + 1)
            except BlockingIOError:
                return
            except OSError:  # a peer's port was unreachable: the kernel reports it on the next call
                continue
            self._take(datagram)

    def report(self, body: bytes, *, at_once: bool = True) -> None:
        """Say `body` from now on: with the next heartbeat, or at once when it is something new."""
        if body != self.own_report:
            self.own_report = body
            if at_once:
                self.send()

    def state(self, body: bytes) -> None:
        """Say from now on, and at once when it is new, what this node finds of others."""
        if body != self.own_statement:
            self.own_statement = body
            self.send()

    def statement_of(self, peer: str) -> Statement | None:
        """What `peer` finds of others, as it said last."""
        known = self._known.get(peer)
        return known.statement if known else None

    def report_of(self, peer: str) -> Report:
        """What `peer` last said of itself."""
        known = self._known.get(peer)
        return known.report if known else Report()

    def _take(self, datagram: bytes) -> None:
        beat = decode(self.secret, datagram, self.node)
        if beat is None or beat.sender not in self.peers:
            self.refused += 1
            return
        known = self._correspondent(beat.sender)
        before = known.report
        if known.accept(beat, self.own_life):
            self.heard.add(beat.sender)
            self.news = self.news or known.report.failing != before.failing
        elif beat.echoed_life == self.own_life:
            self.refused += 1

    def _correspondent(self, name: str) -> Correspondent:
        return self._known.setdefault(name, Correspondent())


def open_socket(address: str, port: int) -> socket.socket:
    """A non-blocking UDP socket bound to `address`; OSError when the address is not this node's."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock
