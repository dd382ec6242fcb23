"""A small SMTP submission client on asyncio: TLS from the start or by STARTTLS, AUTH PLAIN, pipelining."""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FAREWELL_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its code and its lines without codes, joined by line breaks."""

    code: int
    text: str


class SessionError(Exception):
    """The session cannot go on: the connection broke, or a reply before MAIL was a refusal."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password for AUTH PLAIN; the password never shows in a representation."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r})"

    def plain(self) -> str:
        """The initial response of SASL PLAIN."""
        return base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()


class _Wire(asyncio.Protocol):
    """Turns bytes into replies and hands them to whoever waits, in order."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._ready: deque[Reply] = deque()
        self._waiter: asyncio.Future[Reply] | None = None
        self._lost: str | None = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n")) >= 0:
            line = self._buffer[:end].decode("utf-8", "replace")
            del self._buffer[: end + 2]
            self._lines.append(line[4:])
            if line[3:4] != "-":
                code = int(line[:3]) if line[:3].isdecimal() else 0
                self._deliver(Reply(code, "\n".join(self._lines)))
                self._lines = []

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = str(exc) if exc else "the server closed the connection"
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(SessionError(self._lost))

    @property
    def lost(self) -> bool:
        """Whether the connection is gone, or the server has said something unasked (a farewell)."""
        return self._lost is not None or bool(self._ready)

    async def reply(self) -> Reply:
        """The next reply; raises `SessionError` when none can come."""
        if self._ready:
            return self._ready.popleft()
        if self._lost is not None:
            raise SessionError(self._lost)
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _deliver(self, reply: Reply) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(reply)
        else:
            self._ready.append(reply)


class SubmissionSession:
    """An authenticated session; made by `connect`."""

    def __init__(self, wire: _Wire, transport: asyncio.Transport, banner: str, address: str) -> None:
        self._wire = wire
        self._transport = transport
        self.server = banner.split(" ", 1)[0]
        """The host name in the banner."""

        self.address = address
        self.messages = 0
        self.final_dot_sent = False

    async def send(self, sender: str, recipient: str, content: bytes) -> Reply:
        """Hand over one message; returns the reply that decided about it.

        Raises `SessionError` when the connection breaks; `final_dot_sent` then says whether the message's
        fate is open.
        """
        self.final_dot_sent = False
        self._write(f"MAIL FROM:<{sender}> SIZE={len(content)}\r\nRCPT TO:<{recipient}>\r\nDATA\r\n")
        refused = None
        for expected in (250, 250, 354):
            reply = await self._reply_or(refused)
            if reply.code != expected and refused is None:
                refused = reply
        if reply.code == 354:
            self.final_dot_sent = refused is None
            self._transport.write(content + b".\r\n" if refused is None else b".\r\n")
            final = await self._reply_or(refused)
            self.messages += 1
            return refused or final
        self._write("RSET\r\n")
        await self._reply_or(refused)
        return refused or reply

    async def _reply_or(self, refused: Reply | None) -> Reply:
        """The next reply; after a refusal a broken connection is no news, and the refusal stands."""
        try:
            return await self._wire.reply()
        except SessionError:
            if refused is None:
                raise
            return refused

    @property
    def open(self) -> bool:
        """Whether the server still holds the connection, as far as we know."""
        return not self._wire.lost

    async def quit(self) -> None:
        """End the session politely; never fails."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                self._write("QUIT\r\n")
                await self._wire.reply()
        except (TimeoutError, SessionError, OSError):
            pass
        finally:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def _write(self, text: str) -> None:
        self._transport.write(text.encode())


@dataclass(frozen=True, slots=True)
class Door:
    """Where and how to submit: the name the certificate must show, the port, trust, and who we are.

    `implicit_tls`: TLS from the first byte (port 465), else STARTTLS.
    """

    name: str
    port: int
    tls: ssl.SSLContext
    helo: str
    credentials: Credentials | None = None
    implicit_tls: bool = True


async def connect(door: Door, address: str, greeted: Callable[[], None]) -> SubmissionSession:
    """Open a session at one address; calls `greeted` when the banner has come.

    Raises `SessionError` (with the refusing code if any), `OSError` and `ssl.SSLError`.
    """
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_connection(
        _Wire,
        address,
        door.port,
        ssl=door.tls if door.implicit_tls else None,
        server_hostname=door.name if door.implicit_tls else None,
    )
    try:
        banner = await _expect(wire, 220)
        greeted()
        transport = await _introduce(door, wire, transport)
        return SubmissionSession(wire, transport, banner.text, address)
    except BaseException:
        transport.abort()
        raise


async def _introduce(door: Door, wire: _Wire, transport: asyncio.Transport) -> asyncio.Transport:
    transport.write(f"EHLO {door.helo}\r\n".encode())
    await _expect(wire, 250)
    if not door.implicit_tls:
        transport.write(b"STARTTLS\r\n")
        await _expect(wire, 220)
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(transport, wire, door.tls, server_hostname=door.name)
        if secured is None:
            raise SessionError("the connection broke during the TLS handshake")
        transport = secured
        transport.write(f"EHLO {door.helo}\r\n".encode())
        await _expect(wire, 250)
    if door.credentials is not None:
        transport.write(f"AUTH PLAIN {door.credentials.plain()}\r\n".encode())
        await _expect(wire, 235)
    return transport


async def _expect(wire: _Wire, code: int) -> Reply:
    reply = await wire.reply()
    if reply.code != code:
        raise SessionError(f"{reply.code} {reply.text}", reply.code)
    return reply
