"""Carries out a plan on a file system: a private view of it, or the node's own. Part of a bundle."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from mtafleet_entries import Entry, Node, Plan, Tree, TreeError

COMMAND_TIMEOUT_SECONDS = 120
MANY_FILES = 64
NEW_SUFFIX = ".mtafleet-new"


def place(entry: Entry, content: bytes | None, target: Path, *, durable: bool) -> None:
    """Bring one entry into being; files and links by an atomic rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.kind == "absent":
        target.unlink()
        return
    if entry.kind == "directory":
        target.mkdir(exist_ok=True)
        os.chown(target, *entry.ids())
        target.chmod(entry.mode)
        return
    fresh = target.with_name(f".{target.name}{NEW_SUFFIX}")
    fresh.unlink(missing_ok=True)
    if entry.kind == "link":
        fresh.symlink_to(entry.target)
    else:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content or b"")
            stream.flush()
            os.fchown(stream.fileno(), *entry.ids())
            os.fchmod(stream.fileno(), entry.mode)
            if durable:
                os.fsync(stream.fileno())
    fresh.replace(target)


def remove(target: Path) -> None:
    """Remove what is no longer shipped; a directory stays when something else lives in it."""
    if target.is_dir() and not target.is_symlink():
        with suppress(OSError):
            target.rmdir()
    else:
        target.unlink(missing_ok=True)


def install(tree: Tree, plan: Plan, node: Node, *, durable: bool) -> None:
    """Carry out the plan, directories first; the caller has a journal or works on a private view."""
    for entry in plan.entries:
        if entry.kind == "directory":
            place(entry, None, node.at(entry.path), durable=durable)
    files = {entry.path: entry for entry in plan.entries if entry.kind == "file"}
    for path, content in tree.contents(set(files)):
        entry = files.pop(path)
        place(entry, content, node.at(path), durable=durable and len(plan.entries) <= MANY_FILES)
    if files:
        raise TreeError(f"{min(files)}: its content is not in the bundle")
    for entry in plan.entries:
        if entry.kind in {"link", "absent"}:
            place(entry, None, node.at(entry.path), durable=durable)
    for path in plan.removals:
        remove(node.at(path))
    if durable and len(plan.entries) > MANY_FILES:
        os.sync()


def run_command(command: list[str] | tuple[str, ...]) -> None:
    """Raises TreeError with the command's own words when it fails."""
    quiet: dict[str, Any] = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    try:
        done = subprocess.run(command, timeout=COMMAND_TIMEOUT_SECONDS, check=False, **quiet)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TreeError(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() + "\n" + done.stdout.strip()).strip()
        raise TreeError(f"{' '.join(command)} failed with status {done.returncode}: {said[-2000:]}")
