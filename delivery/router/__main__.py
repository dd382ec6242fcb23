"""`python3 -m delivery.router`: run the router or its front, or check the settings."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from delivery.router.errors import RouterError
from delivery.router.events import Events
from delivery.router.exchangers import dns_lookup
from delivery.router.front import Front
from delivery.router.router import Router
from delivery.router.settings import SETTINGS_FILE, Settings, load_settings


class Daemon(Protocol):
    async def start(self) -> None: ...
    async def close(self) -> None: ...


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 something a person has to put right (one message on stderr)."""
    parser = argparse.ArgumentParser(prog="python3 -m delivery.router", description=__doc__)
    parser.add_argument("--settings", type=Path, default=SETTINGS_FILE, help="settings file (%(default)s)")
    parser.add_argument("command", choices=["router", "front", "check"])
    options = parser.parse_args(arguments)
    try:
        settings = load_settings(options.settings)
        if options.command != "check":
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_run(options.command, settings))
    except RouterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


async def _run(command: str, settings: Settings) -> None:
    events = Events(settings.node, command, settings.events_file)
    daemon = _daemon(command, settings, events)
    ends = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ends.set)
    await daemon.start()
    try:
        await ends.wait()
    finally:
        await daemon.close()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed: a look-up then costs half as much."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return None
    return uvloop.new_event_loop


def _daemon(command: str, settings: Settings, events: Events) -> Daemon:
    lookup = dns_lookup(settings.resolver)
    return Front(settings, lookup, events) if command == "front" else Router(settings, lookup, events)


if __name__ == "__main__":
    sys.exit(main())
