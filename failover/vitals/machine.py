"""Disk and processors of this machine."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

PRESSURE_FILE = Path("/proc/pressure/cpu")


def free_percent(paths: Iterable[Path]) -> int | None:
    """Of the fullest file system among `paths`, space or inodes, for those who are not root; rounded down."""
    shares = []
    for path in paths:
        try:
            found = os.statvfs(path)
        except OSError:
            continue
        if found.f_blocks:
            shares.append(100 * found.f_bavail // (found.f_blocks - found.f_bfree + found.f_bavail or 1))
        if found.f_files:
            shares.append(100 * found.f_favail // found.f_files)
    return min(shares, default=None)


def cpu_pressure_percent(file: Path = PRESSURE_FILE) -> int | None:
    """The share of the last ten seconds in which something waited for a processor; None: no such figure."""
    try:
        said = re.match(r"some avg10=(\d+)", file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        return None
    return min(100, int(said.group(1))) if said else None
