"""A mail node that takes submissions in the clear: `python -m bench.peers.mailnode NAME ADDRESS`.

Its banner carries its name. SIGUSR1 makes it answer new sessions with 421, SIGUSR2 as before again.
"""

import asyncio
import signal
import sys
from typing import cast

PORT = 2525
"""Where clients submit and tools probe."""


class Session(asyncio.Protocol):
    """Takes any message; commands come one at a time."""

    name = "node"
    refuses = False
    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._data = b""
        self._in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if Session.refuses:
            self._transport.write(b"421 4.3.2 not now\r\n")
            self._transport.close()
        else:
            self._transport.write(f"220 {Session.name} ESMTP\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._in_message:
            if self._data.endswith(b"\r\n.\r\n"):
                self._in_message, self._data = False, b""
                self._transport.write(b"250 2.0.0 taken\r\n")
            return
        while b"\r\n" in self._data:
            line, self._data = self._data.split(b"\r\n", 1)
            self._answer(line[:4].upper())

    def _answer(self, verb: bytes) -> None:
        if verb == b"DATA":
            self._in_message = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 2.0.0 bye\r\n")
            self._transport.close()
        elif verb == b"EHLO":
            self._transport.write(f"250-{Session.name}\r\n250 8BITMIME\r\n".encode())
        else:
            self._transport.write(b"250 2.1.0 Ok\r\n")


async def serve(name: str, address: str) -> None:
    """Until killed."""
    Session.name = name
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(Session, "refuses", True))
    loop.add_signal_handler(signal.SIGUSR2, lambda: setattr(Session, "refuses", False))
    server = await loop.create_server(Session, address, PORT, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
