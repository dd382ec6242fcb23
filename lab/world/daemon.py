"""The process that plays every mailbox provider: `python3 -m lab.world.daemon DATA RUN` (directories)."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from fleet.catalogue import Catalogue
from fleet.errors import MtafleetError
from lab.world.control import Control
from lab.world.events import EventFile
from lab.world.install import CONTROL_SOCKET, EVENTS, SPECIFICATION
from lab.world.lookup import Lookup, ResolverLookup
from lab.world.orders import Orders
from lab.world.providers import Provider, load_providers
from lab.world.receiver import EventSink, Receiver, Sampler, Sampling
from lab.world.server import PORT, SmtpServer, server_context
from lab.world.session import Message
from lab.world.spec import WorldSpec
from lab.world.standing import allowance_of, limits_of
from lab.world.traffic import Traffic
from lab.world.verify import Authentication, verify

RESOLVER = "127.0.0.1"
SWEEP_SECONDS = 30


class World:
    """All providers with what they share: the specification, orders from outside, the event file."""

    def __init__(
        self,
        spec: WorldSpec,
        providers: tuple[Provider, ...],
        sink: EventSink,
        lookup: Lookup,
        sampling: Sampling,
    ) -> None:
        self.spec = spec
        self.orders = Orders()
        self._providers = providers
        self._lookup = lookup
        sampler = Sampler(sampling)
        catalogue = Catalogue.load(spec.catalogue)
        self.receivers = {
            provider.name: Receiver(
                provider,
                Traffic(limits_of(provider, catalogue), allowance_of(provider, lambda: self.spec)),
                sink,
                self._verify,
                sampler,
                self.orders,
            )
            for provider in providers
        }
        self.servers: dict[str, SmtpServer] = {}

    async def listen(self, contexts: dict[str, ssl.SSLContext], port: int = PORT) -> None:
        """Open every provider's sockets, with a TLS context for each provider."""
        for provider in self._providers:
            server = SmtpServer(self.receivers[provider.name], contexts[provider.name])
            self.servers[provider.name] = server
            await server.listen((str(address) for address in provider.exchangers.values()), port)

    def adopt(self, spec: WorldSpec) -> None:
        """Take over a changed specification and catalogue; open sessions go on under the new limits."""
        catalogue = Catalogue.load(spec.catalogue)
        limits = {provider.name: limits_of(provider, catalogue) for provider in self._providers}
        self.spec = spec
        for name, receiver in self.receivers.items():
            receiver.traffic.limits = limits[name]

    def drop_idle(self) -> None:
        """See `SmtpServer`."""
        for server in self.servers.values():
            server.drop_idle()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        for server in self.servers.values():
            server.close()

    async def _verify(self, message: Message) -> Authentication:
        return await verify(self._lookup, message)


async def serve(data: Path, run: Path) -> None:
    """Play the providers until SIGTERM; SIGHUP takes over changed specification, catalogue, certificates."""
    events = EventFile(data / EVENTS)
    providers = load_providers()
    world = World(
        WorldSpec.read(data / SPECIFICATION), providers, events, ResolverLookup(RESOLVER), Sampling()
    )
    contexts = {provider.name: _context(run, provider) for provider in providers}
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def reload() -> None:
        try:
            world.adopt(WorldSpec.read(data / SPECIFICATION))
            for provider in providers:
                contexts[provider.name].load_cert_chain(*_certificate(run, provider))
        except (MtafleetError, OSError) as error:
            print(f"kept the specification in force: {error}", file=sys.stderr, flush=True)

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await world.listen(contexts)
    control = await Control(world.receivers, world.orders).serve(data / CONTROL_SOCKET)
    notify_ready()
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SWEEP_SECONDS)
        world.drop_idle()
    control.close()
    world.close()
    events.close()


def notify_ready() -> None:
    """Tell systemd that the sockets are open; nothing without systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notification:
            notification.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            notification.sendall(b"READY=1")


def _certificate(run: Path, provider: Provider) -> tuple[str, str]:
    stem = run / "tls" / provider.name
    return f"{stem}.pem", f"{stem}.key"


def _context(run: Path, provider: Provider) -> ssl.SSLContext:
    return server_context(*_certificate(run, provider))


def main() -> None:
    """Run on uvloop where it is installed."""
    data, run = Path(sys.argv[1]), Path(sys.argv[2])
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - optional: asyncio's own loop does as well, at half the speed

        factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(serve(data, run))
    except (MtafleetError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
