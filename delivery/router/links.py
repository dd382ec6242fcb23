"""The front's connections to the router: one question at a time on each, each with a time limit.

Callbacks, not futures: this is done for every message of the node, between two other processes.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

from delivery.router.errors import ProtocolError
from delivery.router.netstring import Netstrings, netstring

MOST_LINKS = 200


class RouterDeadError(OSError):
    """Nobody is there, or it broke off."""


class RouterSlowError(OSError):
    """No answer within the time limit."""


Outcome = bytes | RouterDeadError | RouterSlowError
Done = Callable[[Outcome], None]


class Link(asyncio.Protocol):
    """One connection; whoever has it asks one question and waits."""

    def __init__(self, gives_back: Callable[["Link"], None]) -> None:
        self._gives_back = gives_back
        self._netstrings = Netstrings()
        self._transport: asyncio.Transport | None = None
        self.done: Done | None = None
        """Who waits; None while nothing is asked."""
        self.ticket = 0
        """Tells one question from the next."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.fail(RouterDeadError("the router broke off"))

    def data_received(self, data: bytes) -> None:
        try:
            found = self._netstrings.feed(data)
        except ProtocolError as error:
            self.fail(RouterDeadError(str(error)))
            return
        for one in found:
            done, self.done = self.done, None
            if done is None:  # it says what nobody asked
                self.close()
                return
            self._gives_back(self)
            done(one)

    def ask(self, request: bytes, done: Done) -> None:
        if self._transport is None:
            done(RouterDeadError("the router broke off"))
            return
        self.done = done
        self.ticket += 1
        self._transport.write(netstring(request))

    def fail(self, error: RouterDeadError | RouterSlowError) -> None:
        """A link on which an answer is still due must not give it to the next question: it ends."""
        self.close()
        done, self.done = self.done, None
        if done is not None:
            done(error)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()


class Links:
    """As many connections as there are questions at the same time."""

    def __init__(self, path: Path, limit_seconds: float) -> None:
        self._path, self._limit = path, limit_seconds
        self._idle: list[Link] = []
        self._asked: deque[tuple[float, Link, int]] = deque()
        """(until when, on which link, its ticket), oldest first."""
        self._timer: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()

    def ask(self, request: bytes, done: Done) -> None:
        """`done` gets the reply, RouterSlowError after the time limit, RouterDeadError without anybody."""
        while self._idle:
            link = self._idle.pop()
            if link.is_usable:
                self._ask_on(link, request, done)
                return
        if len(self._opening) + len(self._asked) >= MOST_LINKS:
            done(RouterSlowError("too many questions wait for the router"))
            return
        task = asyncio.create_task(self._open(request, done))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def close(self) -> None:
        """Break off all; who waits is told."""
        for one in self._idle:
            one.close()
        self._idle.clear()
        for task in tuple(self._opening):
            task.cancel()
        asked, self._asked = self._asked, deque()
        for _, link, ticket in asked:
            if link.ticket == ticket:
                link.fail(RouterDeadError("the router was given up"))

    async def _open(self, request: bytes, done: Done) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limit):
                _, link = await loop.create_unix_connection(lambda: Link(self._take_back), str(self._path))
        except TimeoutError:
            done(RouterSlowError("it takes no connection"))
        except (OSError, asyncio.CancelledError) as error:
            done(RouterDeadError(str(error) or "the router was given up"))
        else:
            self._ask_on(link, request, done)

    def _ask_on(self, link: Link, request: bytes, done: Done) -> None:
        loop = asyncio.get_running_loop()
        link.ask(request, done)
        self._asked.append((loop.time() + self._limit, link, link.ticket))
        if self._timer is None:
            self._timer = loop.call_later(self._limit, self._sweep)

    def _take_back(self, link: Link) -> None:
        self._idle.append(link)

    def _sweep(self) -> None:
        """Whoever waits for too long has waited long enough; come again when the next one may have."""
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._asked:
            until, link, ticket = self._asked[0]
            is_waiting = link.ticket == ticket and link.done is not None
            if is_waiting and until > loop.time():
                self._timer = loop.call_at(until, self._sweep)
                return
            self._asked.popleft()
            if is_waiting:
                link.fail(RouterSlowError(f"no answer within {self._limit * 1000:.0f} ms"))
