"""Picking up after an engine that was killed: its lock and its notes of unfinished work remain."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

from infra.engine.stack import pulumi

REFRESH_TIMEOUT_SECONDS = 600


def recover(stack: str, project: Path, variables: Mapping[str, str]) -> bool:
    """Make the stack usable after its engine was killed; return whether it had been.

    The dead engine's lock is lifted, and creations it never finished are struck from the state: our providers
    adopt what such a creation left. The state is refreshed on the way, so that it tells the truth again.
    """
    if not lift_stale_lock(stack, project, variables):
        return False
    pulumi(
        ["refresh", "--yes", "--clear-pending-creates", "--stack", stack],
        project=project,
        variables=variables,
        timeout_seconds=REFRESH_TIMEOUT_SECONDS,
    )
    return True


def lift_stale_lock(stack: str, project: Path, variables: Mapping[str, str]) -> bool:
    """Cancel the stack's lock if the process on this computer that took it is dead; return whether it was.

    Only a `file://` backend keeps its locks where this can tell. A lock of a living process, or of another
    computer, stays: the engine will explain it.
    """
    backend = urlparse(variables.get("PULUMI_BACKEND_URL", ""))
    if backend.scheme != "file":
        return False
    state = Path(backend.path) / ".pulumi"
    locks = list((state / "locks").glob(f"**/{stack}/*.json"))
    if not all(_is_stale(lock) for lock in locks):
        return False
    remove_torn_attributes(state / "stacks", stack)
    if not locks:
        return False
    pulumi(["cancel", "--yes", "--stack", stack], project=project, variables=variables, timeout_seconds=60)
    return True


def remove_torn_attributes(stacks: Path, stack: str) -> None:
    """Remove what a killed engine has left unfinished beside the state.

    The engine replaces the state itself atomically, but writes its attributes (`NAME.json.attrs`) in
    place, and then reads no state whose attributes end early. Without the file it takes defaults.
    """
    for path in stacks.glob(f"**/{stack}.json*.attrs"):
        try:
            json.loads(path.read_text())
        except ValueError:
            path.unlink()


def _is_stale(lock: Path) -> bool:
    try:
        holder = json.loads(lock.read_text())
        process, computer = int(holder["pid"]), str(holder["hostname"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if computer != socket.gethostname():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
