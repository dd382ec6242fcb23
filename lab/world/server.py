"""TCP and TLS around SMTP sessions: one protocol object per connection, tasks only to await something."""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import cast

from lab.world.commands import reply_bytes
from lab.world.receiver import Receiver
from lab.world.session import Session, Then, Tls

IDLE_SECONDS = 300
TLS_SECONDS = 30
CROWDED_GRACE_SECONDS = 0.2
CROWDED_LOOKS = 10
PORT = 25


class Connection(asyncio.Protocol):
    """One client's connection to one provider."""

    def __init__(self, receiver: Receiver, tls: ssl.SSLContext, peers: set["Connection"]) -> None:
        self._receiver = receiver
        self._tls = tls
        self._peers = peers
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session: Session | None = None
        self._source = ""
        self._task: asyncio.Task[None] | None = None
        self._counted = False
        self._upgrading = False
        self._deciding = False
        self._early = b""
        self.last_activity = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or refuse a client with too many connections."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's TCP transports are no subclass
        self._source = transport.get_extra_info("peername")[0]
        self._peers.add(self)
        if not self._greet():
            self._loop.call_later(CROWDED_GRACE_SECONDS, self._greet_late, CROWDED_LOOKS - 1)

    def _greet_late(self, looks_left: int) -> None:
        """A client that has just ended another session may be ahead of the news of it: look again.

        On a busy computer the news takes its time, and a refusal would put off a message for minutes.
        """
        if self._transport is None or self._greet():
            return
        if looks_left:
            self._loop.call_later(CROWDED_GRACE_SECONDS, self._greet_late, looks_left - 1)
        else:
            self._refuse(self._receiver.crowded(self._source))

    def _greet(self) -> bool:
        """Begin the session if the source may have another; an ordered refusal also counts as begun."""
        self._counted = self._receiver.traffic.connect(self._source)
        if not self._counted:
            return False
        greeting, welcome = self._receiver.greeting(self._source)
        if not welcome:
            self._refuse(greeting)
            return True
        self._session = Session(self._receiver, self._source)
        if self._transport is not None:
            self._transport.write(reply_bytes(greeting))
        return True

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the client, and a verification that nobody waits for any more."""
        self._peers.discard(self)
        self._release()
        if self._task is not None:
            self._task.cancel()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Let the session read and do what it wishes."""
        self.last_activity = self._loop.time()
        if self._upgrading:
            # Reading of the bare connection is paused, so this came through TLS, right behind the handshake
            # and before `start_tls` had its turn to return.
            self._early += data
        elif self._session is not None:
            self._act(*self._session.receive(data))

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _act(self, reply: bytes, then: Then) -> None:
        transport = self._transport
        if transport is None:
            return
        if reply:
            transport.write(reply)
        if then is Then.CLOSE:
            self._session = None
            self._release()
            transport.close()
        elif then is Then.START_TLS:
            transport.pause_reading()
            self._upgrading = True
            self._task = self._loop.create_task(self._start_tls())
        elif then is Then.AWAIT_DECISION and not self._deciding:
            self._deciding = True
            self._task = self._loop.create_task(self._decide())

    def _release(self) -> None:
        """The client's session is over, even if the connection takes a moment longer to close."""
        if self._counted:
            self._counted = False
            self._receiver.traffic.disconnect(self._source)

    def _refuse(self, text: str) -> None:
        if self._transport is not None:
            self._transport.write(reply_bytes(text))
            self._transport.close()

    async def _start_tls(self) -> None:
        plain = self._transport
        if plain is None or self._session is None:
            return
        try:
            secured = await self._loop.start_tls(
                plain, self, self._tls, server_side=True, ssl_handshake_timeout=TLS_SECONDS
            )
        except (OSError, ssl.SSLError):
            self._receiver.counters["tls_failures"] += 1
            plain.abort()
            return
        self._upgrading = False
        if secured is None or self._transport is None:
            return
        self._transport = secured
        details = secured.get_extra_info("ssl_object")
        self._receiver.counters["tls_sessions"] += 1
        self._session.secured(Tls(details.version() or "", (details.cipher() or ("",))[0]))
        early, self._early = self._early, b""
        if early:
            self._act(*self._session.receive(early))

    async def _decide(self) -> None:
        session = self._session
        while session is not None and session.pending is not None:
            reply, then = session.decided(await self._receiver.examine(session.pending))
            if then is Then.AWAIT_DECISION:
                if self._transport is not None:
                    self._transport.write(reply)
                continue
            self._deciding = False
            self._act(reply, then)


class SmtpServer:
    """Listens for one provider on all of its exchangers' addresses."""

    def __init__(self, receiver: Receiver, tls: ssl.SSLContext) -> None:
        self._receiver = receiver
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()

    @property
    def ports(self) -> list[int]:
        """Where it listens, for servers asked to choose a port themselves."""
        return [item.getsockname()[1] for server in self._servers for item in server.sockets]

    async def listen(self, addresses: Iterable[str], port: int = PORT) -> None:
        """Open the sockets; raises OSError when an address is not the machine's or taken."""
        loop = asyncio.get_running_loop()
        for address in addresses:
            listener = socket.create_server((address, port), backlog=1024)
            listener.setblocking(False)
            self._servers.append(await loop.create_server(self._connection, sock=listener))

    def drop_idle(self) -> None:
        """End connections on which nothing has happened for a long time."""
        now = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            if now - connection.last_activity > IDLE_SECONDS:
                connection.abort()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.abort()

    def _connection(self) -> Connection:
        return Connection(self._receiver, self._tls, self._connections)


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate chain (paths)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 1  # one is enough for a client that resumes; each costs CPU on every handshake
    context.load_cert_chain(certificate, key)
    return context
