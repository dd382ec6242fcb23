#!/usr/bin/python3
"""Make a role's files on this node exactly what a bundle says, or leave everything as it was.

    python3 -I BUNDLE packages [--check]
    python3 -I BUNDLE apply ROLE [--check]

A bundle is a zip file that holds this program and, for each role, `ROLE/tree.json` (entries,
validation commands, actions) and the contents under `ROLE/files/`. Applying compares content, mode
and owner; rehearses the changes and the validation commands in a private view of the file system;
then installs with a journal, so that a failure or a power cut is undone, at once or by the next run.
Files that the role once shipped and ships no longer are removed. Actions (reloads) of changed paths
are remembered until they have succeeded.

`packages` has Debian's packages that the bundle's roles need, and prints `missing`: what it has
installed, or would under --check (`mtafleet_packages.py`, beside this file in the bundle). It refuses a
node whose volumes are not mounted where they belong (`mtafleet_mounts.py`).

`apply` prints one JSON object: `changed` (paths, the first 100), `changed_total`, `reasons` (path -> why),
`actions` (commands run, or due under --check), `recovered`, `validation`. Exit status 1 with a
message on stderr when something failed; then nothing has changed, unless the message is about an action.
"""

import argparse
import fcntl
import fnmatch
import grp
import importlib
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

COMMAND_TIMEOUT_SECONDS = 120
REPORTED_PATHS = 100
MANY_FILES = 64
CANNOT_REHEARSE = 75
PROGRAM = Path(__file__) if Path(__file__).is_file() else Path(__file__).parent
"""This file, or the bundle it was started from."""
NEW_SUFFIX = ".mtafleet-new"


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


def overlay_base(node: Node, path: str) -> Path:
    """The directory to put an overlay on so that `path` can be changed privately."""
    parts = path.strip("/").split("/")[:-1]
    depth = 2 if parts and parts[0] in {"opt", "srv", "usr", "var"} else 1
    base = node.at("/".join(parts[:depth]))
    while not base.is_dir() and base != node.root:
        base = base.parent
    if base == node.root:
        raise OSError(f"{path} has no directory that could be overlaid")
    return base.resolve()


def mount(kind: str, options: str, target: Path) -> None:
    subprocess.run(["mount", "-t", kind, "-o", options, kind, str(target)], check=True, capture_output=True)


def rehearse_here(tree: Tree, plan: Plan, node: Node, work: Path) -> None:
    """Runs in the private namespace. OSError when overlays are not to be had."""
    mount("tmpfs", "mode=0700", work)
    bases = sorted({overlay_base(node, path) for path in plan.reasons})
    for number, base in enumerate(bases):
        upper, scratch = work / f"{number}-upper", work / f"{number}-work"
        upper.mkdir()
        scratch.mkdir()
        shutil.copystat(base, upper)
        os.chown(upper, base.stat().st_uid, base.stat().st_gid)
        mount("overlay", f"lowerdir={base},upperdir={upper},workdir={scratch}", base)
    install(tree, plan, node, durable=False)
    for command in tree.validate:
        run_command(command)


def rehearse(arguments: argparse.Namespace, node: Node) -> str:
    """Validate in a private view; returns "rehearsed" or "not possible". Raises TreeError when invalid."""
    private = ["unshare", "--mount", "--propagation", "private", "--"]
    command = [sys.executable, "-I", str(PROGRAM), "rehearse", arguments.role]
    places = ["--bundle", arguments.bundle, "--root", str(node.root), "--state", str(node.state)]
    with tempfile.TemporaryDirectory(prefix="mtafleet-") as work:
        whole = [*private, *command, *places, "--work", work]
        try:
            done = subprocess.run(whole, capture_output=True, text=True, check=False)
        except OSError:
            return "not possible"
    if done.returncode == 1:
        raise TreeError(done.stderr.strip().removeprefix("mtafleet-tree: "))
    return "rehearsed" if done.returncode == 0 else "not possible"


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


def validated(arguments: argparse.Namespace, tree: Tree, plan: Plan, node: Node, *, first: bool) -> str:
    """Rehearse. A check before the first installation may fail for want of other roles: no error then."""
    if not plan.reasons or not tree.validate:
        return "nothing to validate"
    try:
        return rehearse(arguments, node)
    except TreeError as error:
        if arguments.check and first:
            return f"not possible before the first installation: {error}"
        raise


def compared(arguments: argparse.Namespace, node: Node) -> tuple[Tree, dict[str, Any] | None, Plan]:
    tree = read_tree(Path(arguments.bundle), arguments.role)
    manifest = read_manifest(node, tree.role)
    shipped = manifest["shipped"] if manifest else {}
    # What moved to another role, and was installed by it already, is that role's now.
    taken = {path for one in node.state.glob("*.json") if one.stem != tree.role for path in shipped_by(one)}
    return tree, manifest, make_plan(tree, {one: shipped[one] for one in shipped if one not in taken}, node)


def shipped_by(manifest: Path) -> list[str]:
    return list(json.loads(manifest.read_text()).get("shipped", {}))


def apply(arguments: argparse.Namespace, node: Node) -> dict[str, Any]:
    recovered = None if arguments.check else undo(node)
    tree, manifest, plan = compared(arguments, node)
    validation = validated(arguments, tree, plan, node, first=manifest is None)
    changed = list(plan.reasons)
    due = [*(manifest["pending"] if manifest else []), *tree.due_actions(changed)]
    due = [command for number, command in enumerate(due) if command not in due[:number]]
    if not arguments.check:
        shipped = {one.path: "once" if one.once else one.kind for one in tree.entries}
        if changed or manifest is None or manifest["shipped"] != shipped:
            change(tree, plan, node, {"shipped": shipped, "pending": due}, late=validation == "not possible")
        carry_out(due, shipped, node, tree.role)
    return {
        "changed": changed[:REPORTED_PATHS],
        "changed_total": len(changed),
        "reasons": {path: plan.reasons[path] for path in changed[:REPORTED_PATHS]},
        "actions": [" ".join(command) for command in due],
        "recovered": recovered,
        "validation": validation,
    }


def change(tree: Tree, plan: Plan, node: Node, manifest: dict[str, Any], *, late: bool) -> None:
    """Install with a journal; `late` validates after installing, for want of a rehearsal."""
    open_journal(plan, tree, node)
    try:
        install(tree, plan, node, durable=True)
        for command in tree.validate if late and plan.reasons else ():
            run_command(command)
        write_durably(node.manifest(tree.role), manifest)
    except BaseException:
        undo(node)
        raise
    close_journal(node)


def carry_out(due: list[list[str]], shipped: dict[str, str], node: Node, role: str) -> None:
    """Run the actions; those not done yet stay in the manifest for the next run."""
    for number, command in enumerate(due):
        run_command(command)
        write_durably(node.manifest(role), {"shipped": shipped, "pending": due[number + 1 :]})


def have_packages(arguments: argparse.Namespace, node: Node) -> dict[str, Any]:
    """Install what the bundle's roles need and the node lacks; TreeError in the words of what failed."""
    # Only in a bundle are they to be found.
    mounts, packages = (importlib.import_module(f"mtafleet_{name}") for name in ("mounts", "packages"))
    try:
        with zipfile.ZipFile(arguments.bundle) as archive:
            wanted, needed = (json.loads(archive.read(name)) for name in ("packages.json", "mounts.json"))
    except (OSError, KeyError, zipfile.BadZipFile, ValueError) as error:
        raise TreeError(f"{arguments.bundle}: no list of packages and mounts in it ({error})") from error
    try:
        mounts.require(needed, start=not arguments.check)
        lacking = packages.missing(wanted)
        if not arguments.check:
            packages.release(node.state)
            if lacking:
                packages.install(lacking, node.state)
    except (mounts.MountError, packages.PackageError) as error:
        raise TreeError(str(error)) from error
    return {"missing": lacking}


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mtafleet-tree", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("verb", choices=["apply", "packages", "rehearse"])
    parser.add_argument("role", nargs="?", default="base")
    parser.add_argument("--bundle", default=str(PROGRAM), help="default: the file this program is in")
    parser.add_argument("--check", action="store_true")
    for name, default in (("--root", "/"), ("--state", "/var/lib/mtafleet/tree"), ("--work", None)):
        parser.add_argument(name, default=default, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Exit status: 0 done, 1 failed, 75 (rehearse only) no private view to be had."""
    arguments = parse(words)
    node = Node(Path(arguments.root), Path(arguments.state))
    try:
        if arguments.verb == "rehearse":
            tree, _, plan = compared(arguments, node)
            rehearse_here(tree, plan, node, Path(arguments.work))
            return 0
        with locked(node, check=arguments.check):
            act = have_packages if arguments.verb == "packages" else apply
            print(json.dumps(act(arguments, node), sort_keys=True))
    except (TreeError, OSError, subprocess.SubprocessError) as error:
        print(f"mtafleet-tree: {error}", file=sys.stderr)
        return CANNOT_REHEARSE if arguments.verb == "rehearse" and not isinstance(error, TreeError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
