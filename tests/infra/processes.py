"""Processes of this computer that were started with a variable of a test's own, and their end."""

import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 120.0


def started_with(variable: str) -> dict[int, str]:
    """Process number -> command line, of all others that have `NAME=value` in their environment."""
    mark = variable.encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if mark in (entry / "environ").read_bytes().split(b"\0") and entry.name != str(os.getpid()):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(entry.name)] = command.decode(errors="replace")
    return found


def await_end(variable: str) -> None:
    """Wait until all of them have ended; fails when one stays.

    An engine does not wait for the last of its plugins to be gone.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := started_with(variable):
        assert time.monotonic() < deadline, f"still there: {left}"
        for process in left:
            _await_one(process, deadline)


def end(variable: str) -> None:
    """Kill them, and wait until they are gone."""
    for process in started_with(variable):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    await_end(variable)


def _await_one(process: int, deadline: float) -> None:
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
    finally:
        os.close(descriptor)
