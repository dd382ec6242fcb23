"""SMTP peers on loopback that the test moves by hand, with the failures of real ones."""

import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class FakePeer:
    """Listens on an address of 127/8. `mode`: `good`, `hang` (accepts, never answers), `421` or `reset`."""

    address: str
    mode: str = "good"
    port: int = 0
    noops: int = 0
    sessions: int = 0
    _listener: socket.socket | None = None
    _clients: list[socket.socket] = field(default_factory=list)
    _greeted: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, self.port))
        self._listener.listen()
        self.port = self._listener.getsockname()[1]

    def crash(self) -> None:
        """Die as a killed process does: connections are closed, new ones refused."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for client in self._clients:
            client.close()
        self._clients.clear()
        self._greeted.clear()

    def serve(self) -> None:
        """Do all the work that waits."""
        while self._listener is not None and _readable(self._listener):
            client, _ = self._listener.accept()
            client.setblocking(False)
            self._clients.append(client)
            self.sessions += 1
        for client in list(self._clients):
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        if self.mode == "hang":
            return
        try:
            self._converse(client)
        except OSError:  # the other side has given up on this session
            self._drop(client)

    def _converse(self, client: socket.socket) -> None:
        if client.fileno() not in self._greeted:
            self._greeted.add(client.fileno())
            client.send(b"421 4.3.2 too busy\r\n" if self.mode == "421" else b"220 peer ESMTP\r\n")
        while _readable(client):
            data = client.recv(4096)
            if not data or self.mode == "reset":
                self._drop(client)
                return
            for line in data.split(b"\r\n")[:-1]:
                self.noops += line == b"NOOP"
                client.send(b"250-peer\r\n250 HELP\r\n" if line.startswith(b"EHLO") else b"250 2.0.0 Ok\r\n")

    def _drop(self, client: socket.socket) -> None:
        self._greeted.discard(client.fileno())
        self._clients.remove(client)
        if self.mode == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()


def _readable(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])


def until(happened: Callable[[], bool], work: Callable[[], None]) -> None:
    """Do `work` until `happened`; the kernel's loopback needs turns, not time."""
    for _ in range(2000):
        work()
        if happened():
            return
    raise AssertionError("it never happened")
