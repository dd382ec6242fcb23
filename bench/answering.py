"""Answers SMTP probes on one port, as many sessions as there are: `python -m bench.answering`.

Prints the port; then, for each line on its standard input, how many commands it has answered so far. Ends
with its input.
"""

import asyncio
import sys
from typing import cast

_BANNER, _OK, _BYE = b"220 bench ESMTP\r\n", b"250 ok\r\n", b"221 bye\r\n"


class Answering(asyncio.Protocol):
    """One session; commands come one at a time, as probes send them."""

    answered = 0
    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_BANNER)

    def data_received(self, data: bytes) -> None:
        Answering.answered += 1
        if data.startswith(b"QUIT"):
            self._transport.write(_BYE)
            self._transport.close()
        else:
            self._transport.write(_OK)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(Answering.answered, flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
