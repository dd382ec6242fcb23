"""Where canaries arrive: as little LMTP as Postfix needs to hand over a message (RFC 2033).

It listens on the loopback interface, keeps nothing, and knows a canary by the token in its Message-ID.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable

from failover.errors import FailoverError

HOST = "127.0.0.1"
SESSION_SECONDS = 30.0
MOST_BYTES = 65_536
TOKEN = re.compile(rb"^message-id:[ \t]*<canary\.([0-9a-f]{32})@", re.IGNORECASE | re.MULTILINE)


class Arrivals:
    """`arrived` is called with the token of each message that bears one."""

    def __init__(self, port: int, arrived: Callable[[str], None]) -> None:
        self.port = port
        """Where it listens once it has begun; 0 before: any free one."""
        self._arrived = arrived
        self._server: asyncio.Server | None = None

    async def begin(self) -> None:
        """Listen, if it does not yet; FailoverError when it cannot."""
        if self._server is not None:
            return
        try:
            self._server = await asyncio.start_server(self._serve, HOST, self.port, limit=MOST_BYTES)
        except OSError as error:
            where = f"{HOST}:{self.port}"
            raise FailoverError(f"canaries cannot be taken at {where}: {error.strerror}") from None
        self.port = self._server.sockets[0].getsockname()[1]

    def end(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, EOFError, TimeoutError):
            async with asyncio.timeout(SESSION_SECONDS):
                await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 localhost LMTP\r\n")
        recipients = 0
        while line := await reader.readline():
            match line.split(None, 1)[:1]:
                case [verb] if verb.upper() == b"RCPT":
                    recipients += 1
                    writer.write(b"250 2.1.5 ok\r\n")
                case [verb] if verb.upper() == b"DATA" and recipients:
                    writer.write(b"354 go on\r\n")
                    await writer.drain()
                    message = await reader.readuntil(b"\r\n.\r\n")
                    if found := TOKEN.search(message):
                        self._arrived(found.group(1).decode())
                    writer.write(b"250 2.0.0 taken\r\n" * recipients)
                    recipients = 0
                case [verb] if verb.upper() in (b"LHLO", b"MAIL", b"NOOP", b"RSET"):
                    recipients = recipients if verb.upper() == b"NOOP" else 0
                    writer.write(b"250 2.0.0 ok\r\n")
                case [verb] if verb.upper() == b"QUIT":
                    writer.write(b"221 2.0.0 goodbye\r\n")
                    await writer.drain()
                    return
                case _:
                    writer.write(b"500 5.5.1 not known here\r\n")
            await writer.drain()
