"""Who a lab's first process is, as its launcher wrote down."""

import json

from lab.ids import LabPaths
from lab.processes import ProcessId


def recorded(paths: LabPaths) -> ProcessId | None:
    """What the record says, true or not; None when there is none or it cannot be read."""
    try:
        data = json.loads(paths.outer_record.read_text())
        return ProcessId(int(data["pid"]), int(data["start_ticks"]), str(data["boot_id"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
