"""Runs a provider as the engine expects: print a port, serve until told to stop or the engine is gone."""

import importlib
import os
import select
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from providerkit.plugin import Plugin

if TYPE_CHECKING:
    from providerkit.resources import Resources

_CALLS_AT_ONCE = 32
_GRACE_SECONDS = 30


def serve(package: str, module: str, engine_address: str | None) -> None:
    """Serve the tuple `KINDS` of a module on a free loopback port until told to stop or the engine dies."""

    def load(cancelled: threading.Event) -> "Resources":
        from providerkit.resources import Resources  # noqa: PLC0415 - see providerkit.plugin

        return Resources(importlib.import_module(module).KINDS, cancelled, engine_channel(engine_address))

    run(Plugin(package, load))


def engine_channel(address: str | None) -> grpc.Channel | None:
    """Return a channel to the engine, for lines of progress; None when no engine started this provider."""
    return grpc.insecure_channel(address) if address else None


def run(plugin: Plugin) -> None:
    """Serve a plugin on a free loopback port until told to stop or the engine dies.

    The port goes to stdout, as Pulumi's plugin protocol wants; everything else belongs on stderr.
    A stopped provider takes no new calls, finishes those under way and exits.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    server = grpc.server(
        ThreadPoolExecutor(max_workers=_CALLS_AT_ONCE),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _watch_parent(stop)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stop.wait()
    plugin.cancelled.set()
    server.stop(_GRACE_SECONDS).wait()


def _watch_parent(stop: threading.Event) -> None:
    """Set `stop` when the engine that started this process dies, however it dies."""
    parent = os.pidfd_open(os.getppid())

    def wait() -> None:
        poll = select.poll()
        poll.register(parent, select.POLLIN)
        poll.poll()
        stop.set()

    threading.Thread(target=wait, name="engine watch", daemon=True).start()
