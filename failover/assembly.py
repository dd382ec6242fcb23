"""Puts the daemon together from its configuration: sockets, files, name servers."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from failover.config import Config, Steering, load_tsig_key
from failover.daemon import Daemon
from failover.errors import ConfigError
from failover.events import Events
from failover.haproxy import RuntimeSocket
from failover.inband import Ends
from failover.keeper import Authority
from failover.memory import Memory
from failover.notify import notify, watchdog_seconds
from failover.orderbook import OrderBook
from failover.prober import Prober
from failover.pulse import Pulse, open_socket
from failover.status import serve
from failover.suspicion import Suspicion

if TYPE_CHECKING:
    from failover.route53 import Route53Zone
    from failover.store import NatsStore


async def run_daemon(config: Config, secret: bytes, stop: asyncio.Event) -> None:
    """Run until `stop` is set; ConfigError when this node lacks what the configuration names."""
    clock = asyncio.get_running_loop().time
    prober = Prober(config, _pulse(config, secret), clock())
    store = _store(config)
    events = Events(config.node, config.events_file)
    hosted = _hosted(config.steering, events)
    daemon = Daemon(
        config=config,
        prober=prober,
        events=events,
        talk=RuntimeSocket(config.haproxy.socket) if config.haproxy else None,
        authorities=[*_authorities(config.steering), *hosted],
        clock=clock,
        order_book=OrderBook(config.maintenance),
        view_talk=RuntimeSocket(config.views.socket) if config.views else None,
        store=store,
        memory=Memory(config.state_file, time.time),
        suspicion=_suspicion(config),
    )
    server = await serve(daemon, config.status_socket)
    try:
        await daemon.run(stop, watchdog_seconds())
    finally:
        notify("STOPPING=1")
        if store is not None:
            await store.close()
        for one in hosted:
            one.close()
        server.close()
        config.status_socket.unlink(missing_ok=True)
        daemon.events.write("stop", "Stopped; traffic stays as it was steered last.")
        daemon.events.close()


def _pulse(config: Config, secret: bytes) -> Pulse:
    peers = {peer.name: peer for peer in config.peers if peer.name != config.node and peer.heartbeat_port}
    try:
        sock = open_socket(config.heartbeat_address, config.heartbeat_port)
    except OSError as error:
        where = f"{config.heartbeat_address}:{config.heartbeat_port}"
        raise ConfigError(f"heartbeat: this node cannot listen on {where}: {error.strerror}") from None
    watchers = config.watchers.get(config.node)
    return Pulse(config.node, secret, sock, peers, None if watchers is None else watchers & peers.keys())


def _suspicion(config: Config) -> Suspicion | None:
    if config.haproxy is None or config.haproxy.sessions_port is None:
        return None
    return Suspicion(config, Ends("127.0.0.1", config.haproxy.sessions_port))


def _store(config: Config) -> "NatsStore | None":
    if config.steering is None or config.store is None:
        return None
    from failover.store import NatsStore  # noqa: PLC0415  observers need no client

    # It would warn, whenever a connection to NATS ends, of a detail of TLS that matters to nobody.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    return NatsStore(config.store)


def _authorities(steering: Steering | None) -> list[Authority]:
    if steering is None:
        return []
    from failover.nameserver import NameServer  # noqa: PLC0415  dnspython loads slowly; observers need none

    key = load_tsig_key(steering.tsig_key_file)
    return [NameServer(primary, steering.zone, key) for primary in steering.primaries]


def _hosted(steering: Steering | None, events: Events) -> "list[Route53Zone]":
    if steering is None or steering.route53_zone_id is None:
        return []
    from failover.route53 import NAME, Route53Zone  # noqa: PLC0415  few fleets steer by it
    from failover.route53_client import BotoClient  # noqa: PLC0415

    def tell(sentence: str) -> None:
        events.write("trouble", sentence, primary=NAME)

    return [Route53Zone(steering.route53_zone_id, steering.zone, BotoClient(), tell)]
