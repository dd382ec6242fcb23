"""Authenticated heartbeats: one small datagram that says "I live, and this is what I know of myself".

Layout, big endian: magic (4), MAC (16), sender's life (8), receiver's life as the sender knows it (8),
sequence (8), length of the sender's name (1), name, body. The MAC covers everything after itself plus
the receiver's name, so a datagram cannot be turned round or sent on to somebody else.

A *life* is a random number drawn at each start. A datagram counts only when it names the receiver's
present life: recordings from before the receiver's start prove nothing, without anyone's wall clock
(which may jump). Within one life the sequence must be new, within a window for reordering; a life that
was left behind never comes back.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field

from failover.decide import Statement
from failover.report import Report, decode_report
from failover.statement import decode_statement

MAGIC = b"MTH1"
MAC_BYTES = 16
PARTED_BY = b"\0"
"""Between the two parts of a body: what the sender says of itself, and what it finds of others."""
WINDOW = 64
MAXIMUM_BYTES = 1400
"""Less than any path carries in one piece."""
_HEAD = struct.Struct(">QQQB")
_BODY_AT = len(MAGIC) + MAC_BYTES
_NO_LIFE = 0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One datagram whose MAC was right."""

    sender: str
    life: int
    echoed_life: int
    sequence: int
    body: bytes


def encode(secret: bytes, beat: Heartbeat, receiver: str) -> bytes:
    """The datagram that carries `beat` to the node called `receiver`."""
    name = beat.sender.encode()
    rest = _HEAD.pack(beat.life, beat.echoed_life, beat.sequence, len(name)) + name + beat.body
    return MAGIC + _mac(secret, receiver, rest) + rest


def decode(secret: bytes, datagram: bytes, receiver: str) -> Heartbeat | None:
    """What `datagram` says, or None when it is damaged or its MAC is wrong; never raises."""
    if len(datagram) < _BODY_AT + _HEAD.size or len(datagram) > MAXIMUM_BYTES or datagram[:4] != MAGIC:
        return None
    rest = datagram[_BODY_AT:]
    if not hmac.compare_digest(datagram[len(MAGIC) : _BODY_AT], _mac(secret, receiver, rest)):
        return None
    life, echoed, sequence, name_length = _HEAD.unpack_from(rest)
    body_at = _HEAD.size + name_length
    if len(rest) < body_at:
        return None
    name = rest[_HEAD.size : body_at].decode(errors="replace")
    return Heartbeat(name, life, echoed, sequence, rest[body_at:])


def _mac(secret: bytes, receiver: str, rest: bytes) -> bytes:
    return hmac.digest(secret, receiver.encode() + b"\0" + rest, hashlib.sha256)[:MAC_BYTES]


@dataclass(slots=True)
class Correspondent:
    """What one node knows of another's heartbeats; decides which of them count."""

    candidate_life: int = _NO_LIFE
    """The life to echo: the newest one seen, proven or not."""
    life: int = _NO_LIFE
    highest: int = 0
    seen: int = 0
    """Bit n: sequence `highest - n` was received."""
    left_behind: set[int] = field(default_factory=set)
    report: Report = field(default_factory=Report)
    statement: Statement | None = None
    _body: bytes = b""

    def accept(self, beat: Heartbeat, own_life: int) -> bool:
        """Whether `beat` proves that its sender lives now; remembers it either way."""
        if beat.life in self.left_behind or beat.life == _NO_LIFE:
            return False
        self.candidate_life = beat.life
        if beat.echoed_life != own_life:
            return False
        if beat.life != self.life:
            self._begin(beat.life)
        if not self._is_new(beat.sequence):
            return False
        if beat.body != self._body:
            self._body = beat.body
            report, _, statement = beat.body.partition(PARTED_BY)
            self.report, self.statement = decode_report(report), decode_statement(statement)
        return True

    def _begin(self, life: int) -> None:
        if self.life != _NO_LIFE:
            self.left_behind.add(self.life)
        self.life, self.highest, self.seen = life, 0, 0

    def _is_new(self, sequence: int) -> bool:
        ahead = sequence - self.highest
        if ahead > 0:
            self.seen = ((self.seen << min(ahead, WINDOW)) | 1) & ((1 << WINDOW) - 1)
            self.highest = sequence
            return True
        if -ahead >= WINDOW or self.seen >> -ahead & 1:
            return False
        self.seen |= 1 << -ahead
        return True
