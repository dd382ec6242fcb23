"""One SMTP session as a probe, without any input or output of its own.

The caller connects, feeds in what arrives and what the clock says, sends what `take_output()` holds
and closes when `closing` is set. Two uses: a *fresh* session goes to the reply to EHLO and quits; a
*persistent* one then sends NOOP each interval and judges each by its own deadline, so a peer that
hangs is seen after one deadline although its kernel goes on acknowledging. There is never more than one
command without an answer: Postfix ends sessions that pipeline before they are allowed to. While one is
unanswered past its deadline, each further interval counts as one more failure.
"""

from dataclasses import dataclass, field
from enum import Enum

from failover.decide import Fault, fault_of_reply

MAXIMUM_LINE_BYTES = 4096
_ROUNDING_SECONDS = 1e-6
_SLOW_FACTOR = 2
"""A peer that answered late is still slow, not hung, for this many times that long."""


class Phase(Enum):
    CONNECT = "connecting"
    BANNER = "waiting for the banner"
    EHLO = "waiting for the reply to EHLO"
    READY = "answering NOOP"
    CLOSED = "closed"


@dataclass(slots=True)
class Replies:
    """Splits a byte stream into SMTP replies; `broken` when it is not SMTP."""

    _buffer: bytes = b""
    broken: bool = False

    def feed(self, data: bytes) -> list[str]:
        """The final line of each reply that `data` completes."""
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        self.broken = self.broken or len(self._buffer) > MAXIMUM_LINE_BYTES
        found = []
        for line in lines:
            text = line.rstrip(b"\r").decode("ascii", errors="replace")
            if not text[:3].isdigit() or text[3:4] not in ("", " ", "-"):
                self.broken = True
            elif text[3:4] != "-":
                found.append(text)
        return found


@dataclass(slots=True)
class SmtpProbe:
    """One session. Times are seconds of one monotonic clock, given by the caller.

    `persistent` false: `succeeded` or `failure` is set once, and `closing` with it.
    `persistent` true: `good` and `bad` count intervals with and without an answer in time; `failure` when
    the session itself ended.
    """

    helo: str
    persistent: bool
    step_timeout_seconds: float
    noop_interval_seconds: float
    noop_timeout_seconds: float
    deadline: float
    """When the present step before READY has taken too long."""
    phase: Phase = Phase.CONNECT
    succeeded: bool = False
    failure: str | None = None
    failure_fault: Fault = Fault.GRAY
    """What `failure` looks like."""
    good: int = 0
    bad: int = 0
    heard: bool = False
    """Whether the peer said anything since the caller last looked."""
    noops_sent: int = 0
    next_noop_at: float = 0.0
    bad_reason: str = ""
    bad_fault: Fault = Fault.HANG
    """What the last bad interval looked like."""
    stuck_since: float | None = None
    """When the NOOP was sent that has no answer yet."""
    durations: list[float] = field(default_factory=list)
    """Seconds that answers took since the caller last looked: to NOOP, or a fresh session as a whole."""
    _judged_at: float | None = None
    """When that NOOP was last counted as too late."""
    _slow_seconds: float = 0.0
    """How long the last answer took, if that was too long."""
    _replies: Replies = field(default_factory=Replies)
    _output: bytes = b""
    _began_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._began_at = self.deadline - self.step_timeout_seconds

    @property
    def closing(self) -> bool:
        return self.phase is Phase.CLOSED

    def take_output(self) -> bytes:
        output, self._output = self._output, b""
        return output

    def connected(self, now: float) -> None:
        self._enter(Phase.BANNER, now)

    def received(self, data: bytes, now: float) -> None:
        """Feed what the peer sent."""
        self.heard = True
        for line in self._replies.feed(data):
            if not self.closing:
                self._reply(line, now)
        if self._replies.broken and not self.closing:
            self.lost("it answered something that is not SMTP")

    def lost(self, reason: str, fault: Fault = Fault.GRAY) -> None:
        """The connection is gone, refused or useless."""
        if self.closing:
            return
        self.failure = f"{reason} while {self.phase.value}"
        self.failure_fault = fault
        self.phase = Phase.CLOSED

    def tick(self, now: float) -> None:
        """Judge deadlines that have passed, then send the next NOOP when it is due."""
        if self.phase is Phase.READY:
            self._judge(now)
            self._send_noop(now)
        elif not self.closing and now >= self.deadline:
            fault = Fault.BLACK_HOLE if self.phase is Phase.CONNECT else Fault.HANG
            self.lost(f"no answer within {self.step_timeout_seconds * 1000:.0f} ms", fault)

    def pace(self, noop_interval_seconds: float, now: float) -> None:
        """Send NOOP at this interval from now on; the first at once when that is faster than before."""
        if noop_interval_seconds < self.noop_interval_seconds:
            self.next_noop_at = min(self.next_noop_at, now)
        self.noop_interval_seconds = noop_interval_seconds

    def quit(self) -> None:
        if self.phase is Phase.READY:
            self._output += b"QUIT\r\n"
        self.phase = Phase.CLOSED

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase, self.deadline = phase, now + self.step_timeout_seconds

    def _reply(self, line: str, now: float) -> None:
        match self.phase:
            case Phase.BANNER if line.startswith("220"):
                self._output += f"EHLO {self.helo}\r\n".encode()
                self._enter(Phase.EHLO, now)
            case Phase.EHLO if line.startswith("250"):
                self._established(now)
            case Phase.READY if line.startswith("250") and self.stuck_since is not None:
                self._answered(self.stuck_since, now)
            case _:
                self.lost(f"it answered {line[:60]!r}", fault_of_reply(line))

    def _established(self, now: float) -> None:
        self.succeeded = True
        if self.persistent:
            self._enter(Phase.READY, now)
            self.next_noop_at = now
        else:
            self._output += b"QUIT\r\n"
            self.phase = Phase.CLOSED
            self.durations.append(max(0.0, now - self._began_at))

    def _answered(self, sent_at: float, now: float) -> None:
        self.durations.append(max(0.0, now - sent_at))
        late = now >= sent_at + self.noop_timeout_seconds
        self._slow_seconds = now - sent_at if late else 0.0
        if self._judged_at is None and late:
            self._too_late(now, sent_at)
        elif self._judged_at is None:
            self.good += 1
        self.stuck_since = self._judged_at = None

    def _judge(self, now: float) -> None:
        if self.stuck_since is None:
            return
        due = self.stuck_since + self.noop_timeout_seconds
        if self._judged_at is not None:
            due = self._judged_at + self.noop_interval_seconds
        if now + _ROUNDING_SECONDS >= due:
            self._too_late(now, self.stuck_since)

    def _too_late(self, now: float, sent_at: float) -> None:
        self.bad += 1
        slow = now - sent_at <= _SLOW_FACTOR * self._slow_seconds
        self.bad_fault = Fault.SLOW if slow else Fault.HANG
        self.bad_reason = f"no reply to NOOP within {self.noop_timeout_seconds * 1000:.0f} ms"
        self._judged_at = now

    def _send_noop(self, now: float) -> None:
        if self.stuck_since is not None or now < self.next_noop_at:
            return
        self.next_noop_at = max(self.next_noop_at + self.noop_interval_seconds, now)
        self.stuck_since = now
        self.noops_sent += 1
        self._output += b"NOOP\r\n"
