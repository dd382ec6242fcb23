"""Makes a small lab and dies half-way: `python dying.py CHECKOUT IMAGE N` is killed before its Nth step.

A step is anything that leaves something behind: starting a process, making a folder, renaming a
file. Exits with status 0 when it came to its end before the Nth step.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

from lab import disk, machine
from lab.ids import LabPaths
from lab.network import links, sites
from lab.specs import DiskSpec, LinkSpec, MachineSpec, SiteSpec

STEPS = {"subprocess.Popen", "os.mkdir", "os.rename", "os.link"}


def main() -> None:
    checkout, image, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    taken = itertools.count(1)

    def die_in_time(event: str, _: object) -> None:
        if event in STEPS and next(taken) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die_in_time)
    paths = LabPaths.of("test", checkout)
    sites.ensure(paths, SiteSpec("east", "198.51.100.0/24"))
    sites.ensure(paths, SiteSpec("west", "203.0.113.0/24"))
    links.ensure(paths, LinkSpec("east", "west", delay_milliseconds=1))
    disk.ensure(paths, DiskSpec("east-1", image, "east-1.example", (), "192.0.2.1"))
    machine.ensure(paths, MachineSpec("east-1", "east-1", "east", ("198.51.100.11",)))


if __name__ == "__main__":
    main()
