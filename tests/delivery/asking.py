"""A client of the socketmap, as Postfix is one: asks and waits."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

WAIT_SECONDS = 120.0


class Client:
    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(WAIT_SECONDS)
        self._socket.connect(str(path))
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def ask(self, key: str, pool: str = "transactional") -> str:
        """The reply; empty when the server broke off."""
        try:
            return self._ask(f"{pool} {key}".encode())
        except (ConnectionResetError, BrokenPipeError):
            return ""

    def _ask(self, content: bytes) -> str:
        self._socket.sendall(b"%d:%b," % (len(content), content))
        length = b""
        while (one := self._stream.read(1)) not in (b":", b""):
            length += one
        if not length:
            return ""
        reply = self._stream.read(int(length) + 1)
        return reply[:-1].decode()


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
