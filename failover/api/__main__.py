"""`python3 -m failover.api`: serve the API of this node, or check what it is told."""

import argparse
import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from failover.api.http import Server, listen
from failover.api.relay import PeerRelay
from failover.api.service import Service
from failover.api.settings import ApiSettings, load_settings, tls_context, trust_context
from failover.errors import ConfigError, FailoverError
from failover.notify import notify

SETTINGS_FILE = Path("/etc/mtafleet/failover/api.json")
THREADS = 4
"""For what waits for files and the daemon."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 something a person has to put right (one message on stderr)."""
    parser = argparse.ArgumentParser(prog="python3 -m failover.api", description=__doc__)
    parser.add_argument("--settings", type=Path, default=SETTINGS_FILE, help="its file (%(default)s)")
    parser.add_argument("command", nargs="?", choices=("run", "check"), default="run")
    options = parser.parse_args(arguments)
    try:
        if options.command == "run":
            asyncio.run(_run(load_settings(options.settings)))
        elif options.settings.exists():  # a fleet whose stack has no secret for it yet serves none
            settings = load_settings(options.settings)
            tls_context(settings)
            trust_context(settings)
    except FailoverError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


async def _run(settings: ApiSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(settings, stop)


async def serve(settings: ApiSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; ConfigError when this node lacks what the settings name."""
    context, trust = tls_context(settings), trust_context(settings)
    try:
        listening = listen(settings.address, settings.port)
    except OSError as error:
        where = f"{settings.address}:{settings.port}"
        raise ConfigError(f"address: this node cannot listen on {where}: {error.strerror}") from None
    with ThreadPoolExecutor(THREADS) as executor:
        others = {name: one for name, one in settings.nodes.items() if name != settings.node}
        service = Service(settings, executor, relay=PeerRelay(others, settings.port, trust))
        server = asyncio.create_task(Server(listening, context, service.handle, service.refuse).run())
        notify("READY=1", f"STATUS=answering on {settings.address}:{settings.port}")
        ending = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([server, ending], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ending}:
                task.result()
        finally:
            notify("STOPPING=1")
            for task in (server, ending):
                task.cancel()
            await asyncio.gather(server, ending, return_exceptions=True)
            listening.close()


if __name__ == "__main__":
    sys.exit(main())
