"""What is compared: something that decides where a client's next session goes."""

import asyncio
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.peers.client import Place
from bench.peers.world import Node

FRONT: Place = ("127.0.0.1", 2500)
"""Where a front door on the client's host listens."""


class Tool(ABC):
    """One tool with one setting. `start` is called for each trial, and `stop` after it."""

    name: str
    setting: str
    program: str
    """What it runs."""
    window_seconds: float = 3.0
    """How long to look after a fault: longer than it should take."""
    settle_seconds: float = 1.0
    """From the start until it has judged everything."""
    period_seconds: float = 1.0
    """Of its own timer: faults come at any moment of it."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    @abstractmethod
    def start(self, nodes: Sequence[Node], directory: Path) -> None:
        """Begin; `directory` is empty."""

    async def find(self) -> Place:
        """Where a client connects now."""
        return FRONT

    def ejections(self) -> int | None:
        """How often a node was taken out since the start; None where the tool does not tell."""
        return None

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        self._processes.clear()

    def spawn(self, command: Sequence[str], log: Path) -> None:
        """Start a part of it; what it says goes to `log`."""
        with log.open("ab") as file:
            self._processes.append(subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT))

    def check_alive(self) -> None:
        """BenchError when a part of it has ended."""
        for process in self._processes:
            if process.poll() is not None:
                raise BenchError(f"{self.name}: `{' '.join(map(str, process.args))}` has ended")  # type: ignore[arg-type]


class Resolving:
    """A client that keeps an answer of one name server for as long as its TTL says."""

    def __init__(self, name: str, port: int) -> None:
        self._name, self._port = name, port
        self._answer = ""
        self._ends = 0.0
        self._asking: asyncio.Lock | None = None

    async def find(self) -> Place:
        """The first address of the answer; OSError when there is none."""
        from dns.asyncquery import udp  # noqa: PLC0415  only some tools are DNS servers
        from dns.exception import DNSException  # noqa: PLC0415
        from dns.message import make_query  # noqa: PLC0415
        from dns.rdatatype import A  # noqa: PLC0415

        from bench.peers.mailnode import PORT  # noqa: PLC0415

        self._asking = self._asking or asyncio.Lock()
        async with self._asking:
            if time.monotonic() >= self._ends:
                try:
                    reply = await udp(make_query(self._name, A), "127.0.0.1", timeout=1, port=self._port)
                except DNSException as error:
                    raise OSError(str(error)) from None
                sets = [one for one in reply.answer if one.rdtype == A]
                if not sets:
                    raise OSError("no address in the answer")
                self._answer, self._ends = sets[0][0].address, time.monotonic() + sets[0].ttl
        return self._answer, PORT
