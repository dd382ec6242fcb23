"""`python -m lab.aws.server [--faults FILE] [--port PORT]`: a simulated AWS until its parent ends.

Prints its address, `http://127.0.0.1:PORT`, on one line; the kernel chooses the port when none is given.
"""

import argparse
import os
import select
import signal
import sys
from pathlib import Path

from lab.aws.server.app import serving


def main() -> None:
    """Serve until SIGTERM, SIGINT or the end of the process that started this one."""
    parser = argparse.ArgumentParser(prog="python -m lab.aws.server", description=__doc__)
    parser.add_argument("--faults", type=Path, help="JSON file of faults to inject; may appear later")
    parser.add_argument("--port", type=int, default=0, help="port on loopback; left out, any free one")
    arguments = parser.parse_args()
    parent = os.pidfd_open(os.getppid())
    read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(write_end)
    with serving(arguments.faults, arguments.port) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        poll = select.poll()
        poll.register(parent, select.POLLIN)
        poll.register(read_end, select.POLLIN)
        poll.poll()


if __name__ == "__main__":
    main()
