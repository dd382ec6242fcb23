"""Who a lab's first process is, as its launcher wrote down."""

import json

from lab.ids import LabPaths
from lab.processes import ProcessId, namespace_pids


def recorded(paths: LabPaths) -> ProcessId | None:
    """What the record says, true or not; None when there is none or it cannot be read."""
    try:
        data = json.loads(paths.outer_record.read_text())
        return ProcessId(int(data["pid"]), int(data["start_ticks"]), str(data["boot_id"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def living(paths: LabPaths) -> ProcessId | None:
    """The recorded process while it lives; never another that has its pid, or is no first process."""
    process = recorded(paths)
    if process is None or not process.alive():
        return None
    return process if namespace_pids(process.pid)[-1:] == (1,) else None
