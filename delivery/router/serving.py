"""A socketmap server on a unix socket: bounded, each connection's replies in the order of its questions."""

import asyncio
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from delivery.router.errors import ProtocolError
from delivery.router.netstring import Netstrings, netstring, split_request

FIRST_GIVEN = 3
"""The first descriptor that systemd hands over."""
MOST_CONNECTIONS = 1000
MOST_WAITING = 64
"""Questions of one connection. Postfix asks one and waits; who asks more than that is none."""

Respond = Callable[[bytes], None]
Handler = Callable[[str, str, Respond], bytes | None]
"""(map, key, respond) -> the reply; None when `respond` will be called with it, once."""


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, handler: Handler, connections: "set[Connection]") -> None:
        self._handler, self._connections = handler, connections
        self._netstrings = Netstrings()
        self._transport: asyncio.Transport | None = None
        self._later: list[bytes] = []
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        if len(self._connections) >= MOST_CONNECTIONS:
            self._transport.abort()
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            found = self._netstrings.feed(data)
            if self._waits:
                self._later += found
            else:
                self._answer(found)
        except ProtocolError:
            self.abort()
        if len(self._later) > MOST_WAITING:
            self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, requests: list[bytes]) -> None:
        for place, request in enumerate(requests):
            self._waits = True  # before the handler: it may respond at once
            self._later = requests[place + 1 :]
            reply = self._handler(*split_request(request), self._respond)
            if reply is None:
                return
            self._waits = False
            if self._transport is not None:
                self._transport.write(netstring(reply))
        self._later = []

    def _respond(self, reply: bytes) -> None:
        self._waits = False
        if self._transport is None:
            return
        self._transport.write(netstring(reply))
        requests, self._later = self._later, []
        try:
            self._answer(requests)
        except ProtocolError:
            self.abort()


class Server:
    """A listening socket and its connections."""

    def __init__(self, path: Path, handler: Handler, group: str | None = None) -> None:
        self._path, self._handler, self._group = path, handler, group
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._is_given = False

    async def start(self) -> None:
        """Listen, on systemd's socket where it gives one; else ours appears complete, with group and mode."""
        if _systemd_gives_one():
            given = socket.socket(fileno=FIRST_GIVEN)
            self._server = await asyncio.get_running_loop().create_unix_server(self._connection, sock=given)
            self._is_given = True
            return
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._connection, str(draft), backlog=512)
        draft.chmod(0o660)
        if self._group is not None:
            shutil.chown(draft, group=self._group)
        draft.rename(self._path)

    async def close(self) -> None:
        if self._server is not None and not self._is_given:  # systemd's goes on listening without us
            self._server.close()
        for one in tuple(self.connections):
            one.abort()
        if not self._is_given:
            with suppress(FileNotFoundError):
                self._path.unlink()

    def _connection(self) -> Connection:
        return Connection(self._handler, self.connections)


def _systemd_gives_one() -> bool:
    return os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1"
