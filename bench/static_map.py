"""A socketmap server over a fixed table, for comparison: `python -m bench.static_map SOCKET`."""

import asyncio
import sys
from pathlib import Path

import uvloop

from delivery.router.serving import Respond, Server
from fleet.catalogue import Catalogue


async def serve(path: Path) -> None:
    domains = {domain: one.isp for one in Catalogue.load().isps.values() for domain in one.domains}
    table = {domain: b"OK transactional-1-%b:" % isp.encode() for domain, isp in domains.items()}

    def answer(_: str, key: str, _respond: Respond) -> bytes:
        return table.get(key.rpartition("@")[2], b"NOTFOUND ")

    server = Server(path, answer)
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1])))
