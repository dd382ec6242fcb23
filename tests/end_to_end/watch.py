"""Watches that look on while a test does something: name servers' answers, and the process list."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from lab.api import netns
from tests.end_to_end.system import System

ASK_SECONDS = 0.2
SILENCE_SECONDS = 1.0
LOOK_SECONDS = 0.1


class _Watch:
    """Threads that repeat something until the end of a `with` block."""

    def __init__(self, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def _repeat(self, look: Callable[[], None]) -> None:
        def loop() -> None:
            while not self._ended.is_set():
                look()
                self._ended.wait(self._pause_seconds)

        self._threads.append(threading.Thread(target=loop, daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()


class ProcessWatch(_Watch):
    """Collects the command line and the environment of every process that it sees."""

    def __init__(self, seen: set[bytes]) -> None:
        super().__init__(LOOK_SECONDS)
        self._seen = seen
        self._repeat(self._look)

    def _look(self) -> None:
        for entry in Path("/proc").glob("[0-9]*"):
            for part in ("cmdline", "environ"):
                try:
                    self._seen.add((entry / part).read_bytes())
                except OSError:
                    break


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of one name server; `at` is monotonic time."""

    at: float
    server: str
    name: str
    code: dns.rcode.Rcode
    addresses: frozenset[str]


class AnswerWatch(_Watch):
    """Asks every name server of the fleet for every steered name; silence is passed over."""

    def __init__(self, system: System) -> None:
        super().__init__(ASK_SECONDS)
        self.answers: list[Answer] = []
        names = [*(pool.submission_name for pool in system.fleet.pools), system.fleet.sts_name]
        for server in system.fleet.name_servers:
            self._ask_always(system, str(server.address), server.name, names)

    def empty(self) -> list[Answer]:
        """Answers without an address, whatever their code; there should be none, ever."""
        return [one for one in self.answers if not one.addresses]

    def since(self, instant: float) -> list[Answer]:
        """Answers that came after an instant."""
        return [one for one in self.answers if one.at > instant]

    def latest(self) -> dict[tuple[str, str], frozenset[str]]:
        """(server, name) -> the addresses of its last answer."""
        return {(one.server, one.name): one.addresses for one in self.answers}

    def _ask_always(self, system: System, address: str, server: str, names: list[str]) -> None:
        network = netns.operator_network(system.paths)
        sock = netns.opened_in(network, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.setblocking(False)
        self._sockets.append(sock)

        def look() -> None:
            for name in names:
                query = dns.message.make_query(name, dns.rdatatype.A)
                try:
                    # What comes too late for one question must not be taken for the answer to the next.
                    reply = dns.query.udp(
                        query, address, SILENCE_SECONDS, sock=sock, ignore_unexpected=True, ignore_errors=True
                    )
                except (dns.exception.DNSException, OSError):
                    return
                addresses = frozenset(
                    record.address
                    for rrset in reply.answer
                    if rrset.rdtype == dns.rdatatype.A
                    for record in rrset
                )
                self.answers.append(Answer(time.monotonic(), server, name, reply.rcode(), addresses))

        self._repeat(look)
