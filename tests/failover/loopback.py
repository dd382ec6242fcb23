"""Waiting until the kernel has delivered what was sent on loopback: for that event, not for some time."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 60.0


@contextmanager
def in_order() -> Iterator[Callable[[], None]]:
    """Yield a call that returns once everything this thread has sent on loopback before it has arrived.

    A packet on loopback waits in a queue of the processor that sent it, and on a busy computer the kernel may
    leave that queue to a thread of its own: `send` returns before anybody can read. While the block lasts
    this thread keeps to one processor, hence to one queue; what is put into it last comes out last.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.bind(("127.0.0.1", 0))
            last.connect(last.getsockname())
            last.settimeout(PATIENCE_SECONDS)

            def settle() -> None:
                last.send(b".")
                last.recv(1)

            yield settle
    finally:
        os.sched_setaffinity(0, allowed)
