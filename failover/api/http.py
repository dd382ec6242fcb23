"""HTTP/1.1 over TLS, one request a connection, with bounds on everything a client could make large or slow.

The protocol itself is h11's; here are sockets, time and size.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import h11

BACKLOG = 32
MOST_HEAD_BYTES = 16 * 1024
MOST_BODY_BYTES = 16 * 1024
_READ_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take of this process."""

    connections: int = 32
    """At the same time, handshakes included; further ones wait in the kernel's queue."""
    handshake_seconds: float = 5.0
    request_seconds: float = 10.0
    """From the connection to the last byte of the answer."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    """Path and query as they were sent."""
    headers: Mapping[str, str]
    """By name in lower case; of a name sent twice, the last."""
    body: bytes
    peer: str
    """The client's address."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


class HttpError(Exception):
    """What cannot be served; becomes a response of the handler's making."""

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.elsewhere = elsewhere
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


Refuse = Callable[[HttpError], Response]


class Server:
    """Answers on `listening` by `handle`; run `run()` as a task, cancel it to stop."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        handle: Handler,
        refuse: Refuse,
        limits: Limits | None = None,
    ) -> None:
        self._listening = listening
        self._context = context
        self._handle = handle
        self._refuse = refuse
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(self._limits.connections)
        self._serving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; then also those are cut who are being served."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._slots.acquire()
                sock = await self._accept(loop)
                task = asyncio.create_task(self._serve(sock))
                self._serving.add(task)
                task.add_done_callback(self._done)
        finally:
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            self._listening.close()

    async def _accept(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        while True:
            try:
                sock, _ = await loop.sock_accept(self._listening)
            except OSError:  # it has gone already, or descriptors are short for a moment
                await asyncio.sleep(0.1)
            else:
                sock.setblocking(False)
                return sock

    def _done(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        self._slots.release()
        if not task.cancelled():
            task.exception()  # it has told what it had to; nothing is left for the loop to complain about

    async def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, TimeoutError, h11.LocalProtocolError, asyncio.IncompleteReadError):
            peer = sock.getpeername()[0]
            async with asyncio.timeout(self._limits.request_seconds):
                reader, writer = await self._handshake(sock)
                try:
                    await self._exchange(reader, writer, peer)
                    writer.close()
                    await writer.wait_closed()
                finally:
                    writer.transport.abort()
        sock.close()

    async def _handshake(self, sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_READ_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            sock,
            ssl=self._context,
            ssl_handshake_timeout=self._limits.handshake_seconds,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD_BYTES)
        try:
            request = await _read_request(connection, reader, writer, peer)
            response = await self._handle(request)
        except h11.RemoteProtocolError as error:
            response = self._refuse(HttpError(error.error_status_hint, f"this is not HTTP/1.1: {error}"))
        except HttpError as error:
            response = self._refuse(error)
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            writer.write(_rendered(connection, response))
            await writer.drain()


async def _read_request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
) -> Request:
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                writer.write(connection.send(go_on) or b"")
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BODY_BYTES:
                raise HttpError(413, f"the body is larger than {MOST_BODY_BYTES} bytes")
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return Request(head.method.decode(), head.target.decode("latin-1"), headers, body, peer)
        else:
            raise ConnectionResetError


def _rendered(connection: h11.Connection, response: Response) -> bytes:
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Connection": "close",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **response.headers,
    }
    events: list[h11.Event] = [
        h11.Response(status_code=response.status, headers=list(headers.items())),
        h11.Data(data=response.body),
        h11.EndOfMessage(),
    ]
    return b"".join(connection.send(event) or b"" for event in events)


def listen(address: str, port: int) -> socket.socket:
    """A listening socket that blocks nobody; OSError when there is no such address, or it is taken."""
    kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    # Named, since asyncio sets TCP_NODELAY on sockets of this protocol only; without it answers wait 40 ms.
    sock = socket.socket(socket.AF_INET, kind, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
