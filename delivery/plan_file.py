"""The file the plan of delivery is in: replaced as a whole, read with all checks."""

import os
from pathlib import Path

from delivery.brain.plan import Plan, parse_plan, render_plan
from delivery.errors import PlanError

PLAN_FILE = Path("/var/lib/mtafleet/delivery/plan.json")
LARGEST_FILE_BYTES = 32 * 1024 * 1024
"""Some 100,000 paths."""


def write_plan(plan: Plan, file: Path = PLAN_FILE) -> None:
    """Replace the file as a whole, on disk before it is seen; OSError when it cannot be written."""
    fresh = file.with_name(f"{file.name}.new")
    with fresh.open("w", encoding="utf-8") as stream:
        stream.write(render_plan(plan))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def read_plan(file: Path = PLAN_FILE) -> Plan:
    """The plan in `file`; PlanError, which names the file, when it is missing or malformed."""
    try:
        with file.open("rb") as stream:
            text = stream.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise PlanError(f"{file}: cannot be read: {error.strerror}") from None
    if len(text) > LARGEST_FILE_BYTES:
        raise PlanError(f"{file}: is larger than {LARGEST_FILE_BYTES} bytes")
    try:
        return parse_plan(text)
    except PlanError as error:
        raise PlanError(f"{file}: {error}") from None
