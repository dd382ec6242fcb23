"""A socketmap server whose answers a test sets, and that remembers what it was asked."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

NOT_FOUND = "NOTFOUND "


class SocketmapStub:
    """Serves a unix socket from threads until `close`."""

    def __init__(self, path: Path, answer: Callable[[str], str]) -> None:
        self.path, self.answer = path, answer
        self.asked: list[str] = []
        """Keys in the order they were asked, `*` left out."""
        self.wildcards = 0
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen(50)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """As if the server had died: nobody listens, and open connections end."""
        self.path.unlink()
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection.makefile("rb") as stream:
            while True:
                length = b""
                while (one := stream.read(1)) not in (b":", b""):
                    length += one
                key = stream.read(int(length)).decode().partition(" ")[2]
                stream.read(1)
                text = self._answer(key).encode()
                connection.sendall(b"%d:%s," % (len(text), text))

    def _answer(self, key: str) -> str:
        if key == "*":
            self.wildcards += 1
            return NOT_FOUND
        self.asked.append(key)
        return self.answer(key)
