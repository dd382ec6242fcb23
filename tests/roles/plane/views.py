"""What the front door of east-1 tells of other nodes, over real HTTPS, by a real map."""

import asyncio
import http.client
import os
import signal
import socket
import ssl
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from failover.haproxy import RuntimeSocket
from failover.viewmap import map_orders, read_map, save_views
from failover.views import View
from fleet.views import MAP_FILE, STEERING_PATH
from tests.roles.plane.stage import Stage

DOOR = ("198.51.100.11", 443)
ASKER, STRANGER = "198.51.100.11", "192.0.2.71"
MANY = 130
TRIES = 3
WAIT_SECONDS = 60.0
Said = tuple[int, str]


def ask(node: str, source: str = ASKER, method: str = "GET") -> Said:
    """Status and body; asked again at once when this computer was too slow for the door's patience."""
    for _ in range(TRIES - 1):
        with suppress(OSError, http.client.HTTPException):
            return _ask(node, source, method)
    return _ask(node, source, method)


def _ask(node: str, source: str, method: str) -> Said:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        *DOOR, timeout=WAIT_SECONDS, source_address=(source, 0), context=context
    )
    try:
        connection.request(method, STEERING_PATH.format(node=node))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def order(here: Stage, views: dict[str, View]) -> None:
    """As the daemon does it."""
    file = Path(MAP_FILE)
    talk = RuntimeSocket(here.root / "run/haproxy/admin.sock")

    async def give() -> None:
        for command in map_orders(file, await read_map(talk, file), views):
            assert not (await talk(command)).strip(), command

    asyncio.run(give())


def reloaded(here: Stage) -> Said:
    """What is told of west-1 when HAProxy has read the file anew, which says something else than its map."""
    file = here.root / MAP_FILE.lstrip("/")
    file.parent.mkdir(exist_ok=True)
    save_views(file, {"west-1": View.OUT, "west-2": View.IN})
    os.kill(min(here.processes("haproxy")), signal.SIGUSR2)
    deadline = time.monotonic() + WAIT_SECONDS
    while ask("west-1")[0] != 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    return ask("west-1")


def refused_at_last(source: str) -> bool:
    """Whether the last of many connections is closed before a word is said."""
    with ExitStack() as opened:
        try:
            for _ in range(MANY):
                last = opened.enter_context(connected(source))
            last.settimeout(3.0)
            return last.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def connected(source: str) -> socket.socket:
    return socket.create_connection(DOOR, WAIT_SECONDS, source_address=(source, 0))


def scene(here: Stage) -> dict[str, Any]:
    found: dict[str, Any] = {"nothing decided": ask("west-1")}
    order(here, {"east-2": View.IN, "west-1": View.IN, "west-2": View.OUT})
    found["in"], found["out"] = ask("west-1"), ask("west-2")
    found["looked at only"] = ask("west-1", method="HEAD")
    found["refused"] = {
        "of itself": ask("east-1")[0],
        "of nobody": ask("north-1")[0],
        "deeper": ask("west-1/east-1")[0],
        "to a stranger": ask("west-1", source=STRANGER)[0],
        "to a stranger, of nobody": ask("north-1", source=STRANGER)[0],
        "another method": ask("west-1", method="POST")[0],
    }
    order(here, {"east-2": View.IN, "west-1": View.IN})
    found["no more"] = ask("west-2")
    found["after a reload"] = reloaded(here)
    found["a stranger in a hurry is refused"] = refused_at_last(STRANGER)
    with ExitStack() as opened:
        for _ in range(MANY):
            opened.enter_context(connected(ASKER))
        found["a checker in a hurry"] = ask("west-2")
    return found
