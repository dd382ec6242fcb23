"""Giving an order to the other nodes too: the same request, to the API of each, with the token it came with.

The token leaves this node only to one that proves by its certificate that it is of this fleet.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import Protocol

import h11

from failover.api.http import Request

RELAY_SECONDS = 5.0
"""Less than a client waits: a node that is dead must not keep the answer of the living."""
MOST_ANSWER_BYTES = 256 * 1024
ORDERED = "ordered"


class Relay(Protocol):
    """Gives a request to other nodes; by name `ordered`, or why not."""

    async def give(self, request: Request, path: str) -> Mapping[str, str]: ...


class PeerRelay:
    """Asks every peer at the same time."""

    def __init__(
        self, addresses: Mapping[str, str], port: int, trust: ssl.SSLContext, seconds: float = RELAY_SECONDS
    ) -> None:
        """`addresses` of the other nodes by name, which their certificates have to show."""
        self._addresses = addresses
        self._port = port
        self._trust = trust
        self._seconds = seconds

    async def give(self, request: Request, path: str) -> Mapping[str, str]:
        said = await asyncio.gather(*(self._ask(one, request, path) for one in self._addresses.values()))
        return dict(zip(self._addresses, said, strict=True))

    async def _ask(self, address: str, request: Request, path: str) -> str:
        try:
            async with asyncio.timeout(self._seconds):
                status = await self._status(address, request, path)
        except TimeoutError:
            return f"no answer within {self._seconds:g} s"
        except (OSError, h11.ProtocolError) as error:
            return f"cannot be asked: {error}"
        return ORDERED if status == 200 else f"answered {status}"

    async def _status(self, address: str, request: Request, path: str) -> int:
        reader, writer = await asyncio.open_connection(address, self._port, ssl=self._trust)
        try:
            writer.write(_rendered(address, request, path))
            connection = h11.Connection(h11.CLIENT)
            connection.receive_data(await reader.read(MOST_ANSWER_BYTES))
            event = connection.next_event()
            while event is h11.NEED_DATA:
                connection.receive_data(await reader.read(MOST_ANSWER_BYTES))
                event = connection.next_event()
            return event.status_code if isinstance(event, h11.Response) else 0
        finally:
            with contextlib.suppress(OSError):
                writer.close()


def _rendered(address: str, request: Request, path: str) -> bytes:
    kept = {"authorization", "content-type"}
    headers = [(name, value) for name, value in request.headers.items() if name in kept]
    headers += [("host", address), ("content-length", str(len(request.body))), ("connection", "close")]
    connection = h11.Connection(h11.CLIENT)
    events: list[h11.Event] = [h11.Request(method=request.method, target=path, headers=headers)]
    events += [h11.Data(data=request.body)] if request.body else []
    return b"".join(connection.send(event) or b"" for event in [*events, h11.EndOfMessage()])
