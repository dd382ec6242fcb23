"""Looking whether a server speaks."""

import socket


def greeting(address: str, port: int, timeout_seconds: float = 1.0) -> bytes:
    """The first bytes a server sends to whoever connects; empty when it does not answer."""
    try:
        with socket.create_connection((address, port), timeout=timeout_seconds) as connection:
            return connection.recv(256)
    except OSError:
        return b""
