"""What probes one thing again and again: a persistent line per Postfix instance, fresh sessions beside it."""

from dataclasses import dataclass

from failover.config import Timing
from failover.connection import Connection, Pollers
from failover.decide import Result, Target
from failover.smtp import Phase, SmtpProbe

NOOPS_PER_SESSION = 3_000
"""A session is renewed after so many NOOPs: Postfix counts them as junk commands."""
STUCK_SECONDS = 2.0
"""A session silent for this long is given up: TCP would repeat too rarely to notice a recovery."""
CALM_FACTOR = 5
"""How many times slower a line goes while the node's own daemon vouches for its instances."""
FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 1.0
EARLY_END = "a client's session ended early"
CONFIRM_SECONDS = 0.5
"""Between fresh sessions while a check is in doubt or down."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect, and from which of this node's addresses."""

    address: str
    port: int
    source: str
    helo: str


@dataclass(slots=True)
class Line:
    """A persistent SMTP session to one instance, made again whenever it ends."""

    target: Target
    place: Place
    timing: Timing
    pollers: Pollers
    connection: Connection | None = None
    next_connect_at: float = 0.0
    heard_at: float | None = None
    _retry_seconds: float = 0.0

    @property
    def established(self) -> bool:
        return self.connection is not None and self.connection.probe.phase is Phase.READY

    def tick(self, now: float, results: list[Result], calm: bool) -> None:
        """Judge, send the next NOOP, and make the session again when there is none."""
        if self.connection is None:
            if now >= self.next_connect_at:
                self._connect(now)
        elif not self.connection.closed:
            interval = self.timing.probe_interval_seconds * (CALM_FACTOR if calm else 1)
            self.connection.probe.pace(interval, now)
            self.connection.probe.tick(now)
            self.connection.flush()
        self.harvest(now, results)

    def harvest(self, now: float, results: list[Result]) -> None:
        """Move what the session has found into `results`; drop a session that is over."""
        if self.connection is None:
            return
        probe = self.connection.probe
        if probe.heard:
            probe.heard, self.heard_at = False, now
        if probe.good:
            probe.good, self._retry_seconds = 0, 0.0
            results.append(Result(self.target, True))
        self.pollers.note_durations(self.target.check, probe.durations)
        for _ in range(probe.bad):
            results.append(Result(self.target, False, probe.bad_reason, probe.bad_fault))
        probe.bad = 0
        if probe.failure is not None:
            results.append(Result(self.target, False, probe.failure, probe.failure_fault))
            self._drop(now)
        elif probe.noops_sent >= NOOPS_PER_SESSION or _is_stuck(probe, now):
            probe.quit()
            self.connection.flush()
            self._drop(now)

    def _connect(self, now: float) -> None:
        probe = SmtpProbe(
            helo=self.place.helo,
            persistent=True,
            step_timeout_seconds=self.timing.session_timeout_seconds,
            noop_interval_seconds=self.timing.probe_interval_seconds,
            noop_timeout_seconds=self.timing.probe_timeout_seconds,
            deadline=now + self.timing.session_timeout_seconds,
        )
        self.connection = self.pollers.connect(self.place.address, self.place.port, self.place.source, probe)

    def _drop(self, now: float) -> None:
        self.connection = None
        self.next_connect_at = now + self._retry_seconds
        self._retry_seconds = min(max(FIRST_RETRY_SECONDS, 2 * self._retry_seconds), LAST_RETRY_SECONDS)


def _is_stuck(probe: SmtpProbe, now: float) -> bool:
    return probe.stuck_since is not None and now - probe.stuck_since > STUCK_SECONDS


@dataclass(slots=True)
class FreshSessions:
    """A new session to one place every now and then, sooner while its outcome is in doubt."""

    target: Target
    place: Place
    timing: Timing
    interval_seconds: float
    pollers: Pollers
    next_at: float
    connection: Connection | None = None
    heard_at: float | None = None
    hurried: bool = False
    """The session under way was begun because a client's own had ended early."""

    def hurry(self, now: float) -> None:
        """Begin a session now, whose replies wait for no tick; call `harvest` after alarms."""
        if self.connection is None:
            self.hurried = True
            self._begin(now)

    def tick(self, now: float, results: list[Result], confirm: bool) -> None:
        """Go on with the session under way, or begin one when it is due; `confirm` asks for one soon."""
        if self.connection is None:
            if confirm:
                self.next_at = min(self.next_at, now + CONFIRM_SECONDS)
            if now < self.next_at:
                return
            self._begin(now)
        elif not self.connection.closed:
            self.connection.probe.tick(now)
            self.connection.flush()
        self.harvest(now, results)

    def _begin(self, now: float) -> None:
        self.next_at = now + self.interval_seconds
        probe = SmtpProbe(
            helo=self.place.helo,
            persistent=False,
            step_timeout_seconds=self.timing.session_timeout_seconds,
            noop_interval_seconds=0.0,
            noop_timeout_seconds=0.0,
            deadline=now + self.timing.session_timeout_seconds,
        )
        place = self.place
        self.connection = self.pollers.connect(
            place.address, place.port, place.source, probe, at_once=self.hurried
        )

    def harvest(self, now: float, results: list[Result]) -> None:
        """Move what the session has found into `results`, once it is over.

        When it failed and a client's had ended early before, both have failed: nobody waits for a third.
        """
        if self.connection is None:
            return
        probe = self.connection.probe
        if probe.heard:
            probe.heard, self.heard_at = False, now
        if not probe.closing:
            return
        self.pollers.note_durations(self.target.check, probe.durations)
        if self.hurried and not probe.succeeded:
            results.append(Result(self.target, False, EARLY_END, probe.failure_fault))
        results.append(Result(self.target, probe.succeeded, probe.failure or "", probe.failure_fault))
        self.hurried = False
        self.connection.close()
        self.connection = None
