"""The fleet's shared store: one key of a JetStream key-value bucket, over a NATS connection with mutual TLS.

A connection goes to one server at a time. When a call fails for any reason but a lost comparison, the
connection is given up and the next call tries the next server: nothing is ever sent again by itself, and
nothing waits in a buffer, so that a compare-and-set is not carried out long after it was given up.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StorageType, StreamConfig

from failover.config import StoreAccess, StoreServer
from failover.errors import ConfigError, StoreConflict, StoreError
from failover.lease import Entry

BUCKET = "mtafleet"
LEASE_KEY = "lease.dns"
TIMEOUT_SECONDS = 0.8
MOST_VALUE_BYTES = 64 * 1024
MOST_BUCKET_BYTES = 16 * 1024 * 1024
_NO_MESSAGE, _NO_STREAM = 10037, 10059
_WRONG_REVISION = (10071, 10164)
_FAILURES = (nats.errors.Error, OSError, TimeoutError, ssl.SSLError)
_EXPECTED_REVISION = "Nats-Expected-Last-Subject-Sequence"

T = TypeVar("T")


class NatsStore:
    """`failover.lease.Store` for one key. Every call ends within `TIMEOUT_SECONDS`."""

    def __init__(self, access: StoreAccess, key: str = LEASE_KEY) -> None:
        """ConfigError when the certificate, its key or the authority cannot be read."""
        self._access = access
        self._subject = f"$KV.{BUCKET}.{key}"
        self._stream = f"KV_{BUCKET}"
        self._tls = tls_context(access)
        self._turn = 0
        self._connection: Client | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def server(self) -> StoreServer:
        """The server that the next call goes to."""
        return self._access.servers[self._turn % len(self._access.servers)]

    async def get(self) -> Entry | None:
        """The value with its revision. Makes the bucket when there is none yet."""
        return await self._call(self._get)

    async def create(self, value: bytes) -> int:
        """Write where nothing is; the new revision."""
        return await self.update(value, 0)

    async def update(self, value: bytes, revision: int) -> int:
        """Replace that very revision; the new one."""

        async def publish(stream: JetStreamContext) -> int:
            headers = {_EXPECTED_REVISION: str(revision)}
            done = await stream.publish(self._subject, value, headers=headers, stream=self._stream)
            return done.seq

        return await self._call(publish)

    async def close(self) -> None:
        """Leave the server; later calls connect anew."""
        self._give_up()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _get(self, stream: JetStreamContext) -> Entry | None:
        try:
            # Asked of the stream's leader: a replica may answer with an older revision.
            found = await stream.get_msg(self._stream, subject=self._subject, direct=False)
        except nats.js.errors.NotFoundError as error:
            if error.err_code == _NO_MESSAGE:
                return None
            if error.err_code != _NO_STREAM:
                raise
            await stream.add_stream(self._bucket())
            return None
        return Entry(found.data or b"", found.seq or 0)

    def _bucket(self) -> StreamConfig:
        """Every write reaches the disks of most replicas before it counts; servers spread them by site."""
        return StreamConfig(
            name=self._stream,
            subjects=[f"$KV.{BUCKET}.>"],
            max_msgs_per_subject=1,
            max_msg_size=MOST_VALUE_BYTES,
            max_bytes=MOST_BUCKET_BYTES,
            discard=DiscardPolicy.NEW,
            storage=StorageType.FILE,
            num_replicas=self._access.replicas,
            allow_rollup_hdrs=True,
            deny_delete=True,
            allow_direct=False,
        )

    async def _call(self, ask: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        server = self.server
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                connection = await self._connected(server)
                return await ask(connection.jetstream(timeout=TIMEOUT_SECONDS))
        except nats.js.errors.APIError as error:
            if error.err_code in _WRONG_REVISION:
                raise StoreConflict("the shared store holds another revision by now") from None
            failure: Exception = error
        except Exception as error:  # whatever the client stumbles over, mail failover goes on
            failure = error
        self._give_up()
        self._turn += 1
        raise StoreError(f"the shared store, asked by {server.name}: {_why(failure)}") from None

    async def _connected(self, server: StoreServer) -> Client:
        if self._connection is None or not self._connection.is_connected:
            self._give_up()
            # Kept from its first moment, so that a connection that comes too late is closed, too.
            self._connection = Client()
            await self._connection.connect(
                f"tls://{server.address}:{server.port}",
                name=self._access.client,
                tls=self._tls,
                allow_reconnect=False,
                connect_timeout=1,
                error_cb=_ignore,
            )
        return self._connection

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed:
            closing = asyncio.create_task(_close(connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def tls_context(access: StoreAccess) -> ssl.SSLContext:
    """Shows this node's certificate and takes servers of the fleet's own authority only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(access.authority_file)
        context.load_cert_chain(access.certificate_file, access.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the shared store's certificates ({access.authority_file}, {access.certificate_file}, "
            f"{access.key_file}) cannot be used: {error}"
        ) from None
    return context


async def _close(connection: Client) -> None:
    with contextlib.suppress(*_FAILURES):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await connection.close()


async def _ignore(_: Exception) -> None:
    """What goes wrong on a connection shows in the call that needed it."""


def _why(error: Exception) -> str:
    match error:
        case nats.js.errors.APIError() if error.description:
            return error.description
        case nats.js.errors.NoStreamResponseError() | nats.js.errors.ServiceUnavailableError():
            return "it has no quorum, or is only starting"
        case TimeoutError():
            return f"no answer within {TIMEOUT_SECONDS:g} s"
        case OSError() if error.strerror:
            return error.strerror.lower()
    return str(error) or type(error).__name__
