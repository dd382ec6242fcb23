"""What a role ships to a node, and how the node differs from it. Part of a bundle, see `mtafleet_tree.py`."""

import fnmatch
import grp
import json
import os
import pwd
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any


class TreeError(Exception):
    """Something that stops this role; `str()` says what."""


@dataclass(frozen=True)
class Entry:
    """One path as it should be; `kind` is file, directory, link or absent."""

    path: str
    kind: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    once: bool = False
    sha256: str = ""
    target: str = ""

    @classmethod
    def read(cls, raw: dict[str, Any]) -> "Entry":
        path = raw["path"]
        if not path.startswith("/") or os.path.normpath(path) != path or path == "/":
            raise TreeError(f"{path}: a path must be absolute and normal")
        return cls(**{**raw, "mode": int(raw.get("mode", "0644"), 8)})

    def ids(self) -> tuple[int, int]:
        """uid and gid; TreeError when the user or group does not exist (yet)."""
        try:
            return pwd.getpwnam(self.owner).pw_uid, grp.getgrnam(self.group).gr_gid
        except KeyError as error:
            raise TreeError(f"{self.path}: no such user or group as {self.owner}:{self.group}") from error


@dataclass(frozen=True)
class Tree:
    """What a role ships, and how its contents are read."""

    role: str
    entries: tuple[Entry, ...]
    validate: tuple[tuple[str, ...], ...]
    actions: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    bundle: Path

    def contents(self, paths: set[str]) -> Iterator[tuple[str, bytes]]:
        """The contents of the files in `paths`, in the order of the bundle."""
        prefix = f"{self.role}/files"
        with zipfile.ZipFile(self.bundle) as bundle:
            for name in bundle.namelist():
                path = name.removeprefix(prefix)
                if name.startswith(f"{prefix}/") and path in paths:
                    yield path, bundle.read(name)

    def due_actions(self, changed: list[str]) -> list[list[str]]:
        return [
            list(command)
            for patterns, command in self.actions
            if any(fnmatch.fnmatchcase(path, pattern) for path in changed for pattern in patterns)
        ]


def read_tree(bundle: Path, role: str) -> Tree:
    """Raises TreeError when the bundle has no such role."""
    try:
        with zipfile.ZipFile(bundle) as archive:
            raw = json.loads(archive.read(f"{role}/tree.json"))
    except (OSError, KeyError, zipfile.BadZipFile, ValueError) as error:
        raise TreeError(f"{bundle}: no tree of the role {role} in it ({error})") from error
    return Tree(
        role=role,
        entries=tuple(Entry.read(one) for one in raw["entries"]),
        validate=tuple(tuple(one) for one in raw["validate"]),
        actions=tuple((tuple(one["paths"]), tuple(one["run"])) for one in raw["actions"]),
        bundle=bundle,
    )


@dataclass(frozen=True)
class Node:
    """The file system to work on: `root` is / except in tests; `state` holds manifests and the journal."""

    root: Path
    state: Path

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def manifest(self, role: str) -> Path:
        return self.state / f"{role}.json"

    @property
    def journal(self) -> Path:
        return self.state / "journal"


@dataclass
class Plan:
    """The differences found: `entries` to install, `removals` deepest first, each with its reason."""

    entries: list[Entry] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)


def difference(entry: Entry, target: Path) -> str | None:
    """Why `target` is not as `entry` wants it; None when it is."""
    if not os.path.lexists(target):
        return None if entry.kind == "absent" else "missing"
    found = target.lstat()
    if entry.kind == "absent" or entry.once:
        return None if entry.once else "must not exist"
    if entry.kind == "link":
        same = stat.S_ISLNK(found.st_mode) and str(target.readlink()) == entry.target
        return None if same else "link"
    if stat.S_ISDIR(found.st_mode) != (entry.kind == "directory"):
        raise TreeError(f"{entry.path}: should be a {entry.kind} but is something else; move it away by hand")
    if entry.kind == "file":
        same = stat.S_ISREG(found.st_mode) and sha256(target.read_bytes()).hexdigest() == entry.sha256
        return attribute_difference(entry, found) if same else "content"
    return attribute_difference(entry, found)


def attribute_difference(entry: Entry, found: os.stat_result) -> str | None:
    if stat.S_IMODE(found.st_mode) != entry.mode:
        return f"mode {stat.S_IMODE(found.st_mode):04o}"
    try:
        same_owner = (found.st_uid, found.st_gid) == entry.ids()
    except TreeError as error:
        return str(error)
    return None if same_owner else f"owner {found.st_uid}:{found.st_gid}"


def make_plan(tree: Tree, shipped: dict[str, str], node: Node) -> Plan:
    """Compare the node with the tree and with what the role shipped before."""
    plan = Plan()
    for entry in tree.entries:
        reason = difference(entry, node.at(entry.path))
        if reason:
            plan.reasons[entry.path] = reason
            plan.entries.append(entry)
    wanted = {entry.path for entry in tree.entries}
    gone = [path for path, kind in shipped.items() if path not in wanted and kind not in {"once", "absent"}]
    for path in sorted(gone, key=lambda one: (-one.count("/"), one)):
        if os.path.lexists(node.at(path)) and (shipped[path] != "directory" or node.at(path).is_dir()):
            plan.reasons[path] = "no longer shipped"
            plan.removals.append(path)
    return plan
