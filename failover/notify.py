"""What systemd wants to hear from a service of type `notify`."""

import os
import socket


def notify(*states: str) -> None:
    """Send states such as `READY=1` to systemd; does nothing outside of it, and never fails the daemon."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto("\n".join(states).encode(), address)
        except OSError:
            return


def watchdog_seconds() -> float | None:
    """How often systemd expects a sign of life; None when it expects none."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000
