"""Asking the daemon on this node for its status; imports next to nothing, so that it answers at once."""

import json
import socket
from pathlib import Path
from typing import Any

from failover.errors import StatusError

TIMEOUT_SECONDS = 3.0


def ask(path: Path) -> dict[str, Any]:
    """The status of the daemon behind the socket at `path`; StatusError when there is none."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(TIMEOUT_SECONDS)
            sock.connect(str(path))
            answer = b"".join(iter(lambda: sock.recv(65_536), b""))
    except OSError as error:
        reason = error.strerror or "it did not answer in time"
        raise StatusError(f"{path}: the failover daemon cannot be asked: {reason}") from None
    status = json.loads(answer or b"null")
    if not isinstance(status, dict):
        raise StatusError(f"{path}: the failover daemon gave no status")
    return status
