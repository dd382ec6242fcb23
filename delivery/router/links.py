"""The front's connections to the router: one question at a time on each, each with a time limit."""

import asyncio
from contextlib import suppress
from pathlib import Path

from delivery.router.errors import ProtocolError
from delivery.router.netstring import Netstrings, netstring

MOST_LINKS = 200


class RouterDeadError(OSError):
    """Nobody is there, or it broke off."""


class RouterSlowError(OSError):
    """No answer within the time limit."""


class Link(asyncio.Protocol):
    """One connection; whoever has it asks one question and waits."""

    def __init__(self) -> None:
        self._netstrings = Netstrings()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None

    @property
    def is_usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing() and self._answer is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  of a stream connection
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._settle(RouterDeadError("the router broke off"))

    def data_received(self, data: bytes) -> None:
        try:
            for one in self._netstrings.feed(data):
                self._settle(one)
        except ProtocolError:
            self.close()

    def ask(self, request: bytes, answer: "asyncio.Future[bytes]") -> None:
        if self._transport is None:
            answer.set_exception(RouterDeadError("the router broke off"))
            return
        self._answer = answer
        self._transport.write(netstring(request))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _settle(self, outcome: bytes | Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        if isinstance(outcome, bytes):
            answer.set_result(outcome)
        else:
            answer.set_exception(outcome)


class Links:
    """As many connections as there are questions at the same time."""

    def __init__(self, path: Path, limit_seconds: float) -> None:
        self._path, self._limit = path, limit_seconds
        self._idle: list[Link] = []
        self._all: set[Link] = set()
        self._opening: set[asyncio.Task[None]] = set()

    def ask(self, request: bytes) -> "asyncio.Future[bytes]":
        """The reply; RouterSlowError after the time limit, RouterDeadError when there is nobody."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        timer = loop.call_later(self._limit, self._late, answer)
        link = self._take()
        if link is not None:
            link.ask(request, answer)
        elif len(self._all) + len(self._opening) >= MOST_LINKS:
            answer.set_exception(RouterSlowError("too many questions wait for the router"))
        else:
            task = asyncio.create_task(self._open(request, answer))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        answer.add_done_callback(lambda _: timer.cancel())
        answer.add_done_callback(lambda _: self._give_back(link))
        return answer

    def close(self) -> None:
        """Break off all: what was asked of a router that is gone is answered by nobody."""
        for one in (*self._idle, *self._all):
            one.close()
        for task in self._opening:
            task.cancel()
        self._idle.clear()
        self._all.clear()

    async def _open(self, request: bytes, answer: "asyncio.Future[bytes]") -> None:
        loop = asyncio.get_running_loop()
        try:
            _, link = await loop.create_unix_connection(Link, str(self._path))
        except (OSError, asyncio.CancelledError) as error:
            if not answer.done():
                answer.set_exception(RouterDeadError(str(error) or "the router broke off"))
            return
        self._all.add(link)
        if answer.done():
            self._give_back(link)
            return
        answer.add_done_callback(lambda _: self._give_back(link))
        link.ask(request, answer)

    def _take(self) -> Link | None:
        while self._idle:
            link = self._idle.pop()
            if link.is_usable:
                return link
            self._all.discard(link)
        return None

    def _give_back(self, link: Link | None) -> None:
        """A link on which an answer is still due must not give it to the next question."""
        if link is None:
            return
        if link.is_usable and link in self._all:
            self._idle.append(link)
        else:
            self._all.discard(link)
            link.close()

    def _late(self, answer: "asyncio.Future[bytes]") -> None:
        with suppress(asyncio.InvalidStateError):
            answer.set_exception(RouterSlowError(f"no answer within {self._limit * 1000:.0f} ms"))
