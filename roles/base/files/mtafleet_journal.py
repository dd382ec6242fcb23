"""What a change touches, saved before it: so that a failure or a power cut is undone. Part of a bundle."""

import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mtafleet_entries import Node, Plan, Tree
from mtafleet_install import NEW_SUFFIX, remove


def remember(path: Path, number: int, journal: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        return {"path": str(path), "was": "absent"}
    found = path.lstat()
    item: dict[str, Any] = {"path": str(path), "mode": stat.S_IMODE(found.st_mode)}
    item |= {"uid": found.st_uid, "gid": found.st_gid}
    if stat.S_ISLNK(found.st_mode):
        return item | {"was": "link", "target": str(path.readlink())}
    if stat.S_ISDIR(found.st_mode):
        return item | {"was": "directory"}
    with path.open("rb") as source, (journal / str(number)).open("wb") as backup:
        shutil.copyfileobj(source, backup)
        os.fsync(backup.fileno())
    return item | {"was": "file", "backup": str(number)}


def open_journal(plan: Plan, tree: Tree, node: Node) -> None:
    """Save everything the plan will touch; the final rename makes the journal count."""
    fresh = node.state / "journal.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    paths: dict[Path, None] = {}
    for path in plan.reasons:
        target = node.at(path)
        made = [one for one in target.parents if not one.exists() and one.is_relative_to(node.root)]
        paths |= dict.fromkeys([*reversed(made), target])
    paths[node.manifest(tree.role)] = None
    items = [remember(path, number, fresh) for number, path in enumerate(paths)]
    write_durably(fresh / "index.json", {"role": tree.role, "items": items})
    fresh.rename(node.journal)


def close_journal(node: Node) -> None:
    """The commit point: from here on the change stays."""
    done = node.state / "journal.done"
    shutil.rmtree(done, ignore_errors=True)
    node.journal.rename(done)
    shutil.rmtree(done, ignore_errors=True)


def undo(node: Node) -> str | None:
    """Put back what an unfinished change touched; returns the role it belonged to. Safe to repeat."""
    if not node.journal.is_dir():
        return None
    index = json.loads((node.journal / "index.json").read_text())
    for item in reversed(index["items"]):
        restore(item, node)
    close_journal(node)
    return str(index["role"])


def restore(item: dict[str, Any], node: Node) -> None:
    target = Path(item["path"])
    fresh = target.with_name(f".{target.name}{NEW_SUFFIX}")
    fresh.unlink(missing_ok=True)
    if item["was"] == "absent":
        remove(target)
        return
    if item["was"] == "directory":
        target.mkdir(exist_ok=True)
        os.chown(target, item["uid"], item["gid"])
        target.chmod(item["mode"])
        return
    if item["was"] == "link":
        fresh.symlink_to(item["target"])
    else:
        shutil.copyfile(node.journal / item["backup"], fresh)
        os.chown(fresh, item["uid"], item["gid"])
        fresh.chmod(item["mode"])
    fresh.replace(target)


def write_durably(path: Path, value: object) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w") as stream:
        json.dump(value, stream, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)


@contextmanager
def locked(node: Node, *, check: bool) -> Iterator[None]:
    """One change at a time on a node; checking a fresh node creates nothing."""
    if check and not node.state.is_dir():
        yield
        return
    node.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (node.state / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def read_manifest(node: Node, role: str) -> dict[str, Any] | None:
    with suppress(FileNotFoundError):
        found: dict[str, Any] = json.loads(node.manifest(role).read_text())
        return found
    return None
