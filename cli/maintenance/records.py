"""Who took which node out of service, when and why: one JSON line per step, in the environment's folder."""

import getpass
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failover.orders import render_time
from fleet.paths import state_directory


def who() -> str:
    """The person at work, as `user@computer`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def now() -> datetime:
    """UTC, whole seconds: as orders are written."""
    return datetime.now(UTC).replace(microsecond=0)


def record_file(environment: str) -> Path:
    """`.mtafleet/ENVIRONMENT/maintenance/log.jsonl`; may not exist yet."""
    return state_directory(environment) / "maintenance" / "log.jsonl"


def record(environment: str, command: str, node: str, outcome: str, **details: Any) -> None:
    """Append one line: `at`, `who`, `command`, `node`, `outcome` and `details`."""
    file = record_file(environment)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    entry = {"at": render_time(now()), "who": who(), "command": command, "node": node, "outcome": outcome}
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({**entry, **details}) + "\n")
