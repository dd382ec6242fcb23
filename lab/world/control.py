"""The providers' control socket: counters out, orders in; one JSON document per line, each way.

Requests: `{"ask": "counters"}`, `{"ask": "clear"}`, and `{"ask": "order"}` with `provider`, `stage`, `reply`,
`seconds` and, if it is meant for one client only, `source` (see `lab.world.orders`).
An answer holds `error` when the request made no sense.
"""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from lab.world.orders import ANY, Order, Orders, Stage
from lab.world.receiver import Receiver
from lab.world.spec import WorldError

TIMEOUT_SECONDS = 30.0


class Control:
    """Answers requests about a set of receivers."""

    def __init__(
        self, receivers: Mapping[str, Receiver], orders: Orders, clock: Callable[[], float] = time.time
    ) -> None:
        self._receivers = receivers
        self._orders = orders
        self._clock = clock

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one request line; never raises."""
        try:
            request = json.loads(line)
            match request["ask"]:
                case "counters":
                    return {"counters": self._counters()}
                case "clear":
                    self._orders.clear()
                    return {}
                case "order":
                    self._orders.add(self._order(request))
                    return {}
                case other:
                    return {"error": f"unknown request: {other}"}
        except (ValueError, KeyError, TypeError) as error:
            return {"error": f"malformed request: {error}"}

    def _counters(self) -> dict[str, dict[str, int]]:
        return {
            name: {**receiver.counters, "open_connections": receiver.traffic.open_connections}
            for name, receiver in self._receivers.items()
        }

    def _order(self, request: dict[str, Any]) -> Order:
        provider, stage, reply = request["provider"], request["stage"], str(request["reply"])
        if provider != ANY and provider not in self._receivers:
            raise ValueError(f"no provider {provider}; there are {', '.join(self._receivers)}")
        if stage not in get_args(Stage):
            raise ValueError(f"no stage {stage}; there are {', '.join(get_args(Stage))}")
        if not reply[:3].isdecimal() or reply[0] not in "45":
            raise ValueError(f"{reply!r} is no refusal: it must begin with a code from 400 to 599")
        until = self._clock() + float(request["seconds"])
        return Order(provider, stage, reply, until, str(request.get("source", ANY)))

    async def serve(self, path: Path) -> asyncio.Server:
        """Listen on a unix socket that only root may use."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - one call at start, before anything else runs
        server = await asyncio.start_unix_server(self._client, path)
        os.chmod(path, 0o600)  # noqa: PTH101 - as above
        return server

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self.answer(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()


def ask(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Put one request to a running world; raises `WorldError` when it does not answer or refuses."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answers:
                answer = json.loads(answers.readline() or b'{"error": "it hung up"}')
    except (OSError, ValueError) as error:
        raise WorldError(
            f"{path}: the simulated providers do not answer ({error}); is the lab up?"
        ) from error
    if "error" in answer:
        raise WorldError(f"{path}: {answer['error']}")
    return dict(answer)
