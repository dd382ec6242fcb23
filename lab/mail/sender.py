"""Sending test mail into a fleet: open-loop pacing over real, verified, authenticated SMTP sessions.

A message is due at a fixed instant whatever became of earlier ones, as with real senders; one that finds all
sessions busy waits for the next free one. Each message is tried exactly once, so that each attempt tells
something about the fleet.
"""

import asyncio
import contextlib
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from lab.mail.client import Credentials, Door, Reply, SessionError, SubmissionSession, connect
from lab.mail.message import Letter, Mix, compose

Via = Literal["sidecar", "direct"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send and how.

    `run` begins every ledger id. `count` None means until stopped; `messages_per_second` None means as fast
    as the sessions allow. `via` is only recorded: the sender's `Addresses` decide where sessions go.
    """

    run: str
    stream: str
    sender: str
    via: Via
    count: int | None
    messages_per_second: float | None
    sessions: int = 20
    messages_per_session: int = 100
    message_bytes: int = 4096
    unknown_percent: float = 0.0
    timeout_seconds: float = 30.0
    connect_timeout_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to hand over one message. Instants are Unix time in seconds.

    `started_at` is the connect, or the MAIL command on a session in use already; `banner_at` is None then,
    and when no banner came. `code` and `reply` are the fleet's decision, None and "" when there was none:
    then `error` says why, and `in_doubt` whether the fleet may have the message all the same. `server` is
    the name in the banner.
    """

    ledger_id: str
    recipient: str
    via: Via
    due_at: float
    started_at: float
    banner_at: float | None
    finished_at: float
    code: int | None
    reply: str
    error: str = ""
    in_doubt: bool = False
    address: str = ""
    server: str = ""
    nth_of_session: int = 0

    @property
    def accepted(self) -> bool:
        """Whether the fleet said 250."""
        return self.code == 250


class Recorder(Protocol):
    """Takes attempts as they end."""

    def record(self, attempt: Attempt) -> None: ...


@dataclass(slots=True)
class Tally:
    """How a run went so far."""

    attempted: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    first_error: str = ""
    started_at: float = field(default_factory=time.time)
    finished_at: float | None = None

    def count(self, attempt: Attempt) -> None:
        """Add one attempt."""
        self.attempted += 1
        if attempt.accepted:
            self.accepted += 1
            return
        if attempt.code is not None:
            self.refused += 1
        else:
            self.failed += 1
        self.first_error = self.first_error or attempt.reply or attempt.error


Addresses = Callable[[], Awaitable[tuple[str, ...]]]
"""The addresses a new session may go to, in order of preference; asked for each session."""


class Sender:
    """Runs a plan; `stop` ends it early, attempts under way are finished."""

    def __init__(self, plan: Plan, door: Door, mix: Mix, addresses: Addresses, recorder: Recorder) -> None:
        self.plan = plan
        self.tally = Tally()
        self.unrecorded: OSError | None = None
        """Why an attempt could not be recorded; nothing was begun after that."""
        self._door = door
        self._mix = mix
        self._addresses = addresses
        self._recorder = recorder
        self._idle: list[SubmissionSession] = []
        self._slots = asyncio.Semaphore(plan.sessions)
        self._stopped = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Begin no further message."""
        self._stopped.set()

    async def run(self) -> Tally:
        """Send everything; returns when the last attempt has ended."""
        self.tally = Tally()
        async for number, due_at in self._due():
            if self.plan.messages_per_second is None:
                await self._slots.acquire()
                self._slots.release()
            task = asyncio.create_task(self._deliver(number, due_at))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        while self._running:
            await asyncio.wait(self._running)
        await asyncio.gather(*(session.quit() for session in self._idle))
        self.tally.finished_at = time.time()
        return self.tally

    async def _due(self) -> AsyncIterator[tuple[int, float]]:
        """Message numbers at the instants at which they are due."""
        rate = self.plan.messages_per_second
        begin = time.time()
        for number in itertools.islice(itertools.count(), self.plan.count):
            due_at = begin + number / rate if rate else time.time()
            wait_seconds = due_at - time.time()
            if wait_seconds > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), wait_seconds)
            if self._stopped.is_set():
                return
            yield number, due_at

    async def _deliver(self, number: int, due_at: float) -> None:
        letter = compose(
            f"{self.plan.run}-{number:06d}",
            self._mix.draw(),
            self.plan.sender,
            self.plan.stream,
            datetime.fromtimestamp(due_at, UTC),
            self.plan.message_bytes,
            self.plan.unknown_percent,
        )
        async with self._slots:
            if self._stopped.is_set():
                return
            session, attempt = await self._attempt(letter, due_at)
            self.tally.count(attempt)
            try:
                self._recorder.record(attempt)
            except OSError as error:  # what is not recorded cannot be accounted for: go no further
                self.unrecorded = error
                self.stop()
            if session is not None:
                await self._keep_or_end(session, attempt)

    async def _attempt(self, letter: Letter, due_at: float) -> tuple[SubmissionSession | None, Attempt]:
        progress = _Progress(started_at=time.time())
        session = self._usable_session()
        reply, error = None, ""
        try:
            async with asyncio.timeout(self.plan.timeout_seconds):
                if session is None:
                    session = await self._new_session(progress)
                reply = await session.send(self.plan.sender, letter.recipient, letter.content)
        except TimeoutError:
            error = f"no reply for {time.time() - progress.started_at:.1f} s"
        except (SessionError, OSError, ssl.SSLError) as failure:
            error = str(failure) or type(failure).__name__
            if isinstance(failure, SessionError) and failure.code is not None:
                reply = Reply(failure.code, error)
        finished_at = time.time()
        in_doubt = reply is None and session is not None and session.final_dot_sent
        return session, Attempt(
            ledger_id=letter.ledger_id,
            recipient=letter.recipient,
            via=self.plan.via,
            due_at=due_at,
            started_at=progress.started_at,
            banner_at=progress.banner_at,
            finished_at=finished_at,
            code=reply.code if reply else None,
            reply=reply.text if reply else "",
            error=error,
            in_doubt=in_doubt,
            address=session.address if session else progress.address,
            server=session.server if session else "",
            nth_of_session=session.messages if session else 0,
        )

    def _usable_session(self) -> SubmissionSession | None:
        while self._idle:
            session = self._idle.pop()
            if session.open:
                return session
            session.abort()
        return None

    async def _keep_or_end(self, session: SubmissionSession, attempt: Attempt) -> None:
        """A session counts against the plan's number until it has really ended."""
        if attempt.code in (None, 421) or not session.open:
            session.abort()
        elif session.messages >= self.plan.messages_per_session:
            await session.quit()
        else:
            self._idle.append(session)

    async def _new_session(self, progress: "_Progress") -> SubmissionSession:
        """Try each address in turn, as mail clients do; the last one's failure is the attempt's."""
        addresses = await self._addresses()
        if not addresses:
            raise SessionError(f"{self._door.name} has no address")
        for address in addresses[:-1]:
            try:
                return await self._session_at(address, progress)
            except (TimeoutError, SessionError, OSError, ssl.SSLError):
                progress.banner_at = None
        return await self._session_at(addresses[-1], progress)

    async def _session_at(self, address: str, progress: "_Progress") -> SubmissionSession:
        progress.address = address
        async with asyncio.timeout(self.plan.connect_timeout_seconds) as patience:

            def greeted() -> None:
                progress.banner_at = time.time()
                patience.reschedule(None)  # from here on the transaction's own limit holds

            return await connect(self._door, address, greeted)


@dataclass(slots=True)
class _Progress:
    started_at: float
    banner_at: float | None = None
    address: str = ""


def client_context(trusted_pem: str) -> ssl.SSLContext:
    """TLS that verifies chain and name against these roots and no others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=trusted_pem)
    return context


def fixed(address: str) -> Addresses:
    """Every session goes to this one address."""

    async def addresses() -> tuple[str, ...]:
        return (address,)

    return addresses


__all__ = [
    "Attempt",
    "Credentials",
    "Door",
    "Plan",
    "Recorder",
    "Sender",
    "Tally",
    "client_context",
    "fixed",
]
