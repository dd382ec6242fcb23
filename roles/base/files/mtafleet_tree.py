#!/usr/bin/python3
"""Make a role's files on this node exactly what a bundle says, or leave everything as it was.

    python3 -I BUNDLE packages [--check]
    python3 -I BUNDLE apply ROLE [--check]

A bundle is a zip file that holds this program with the modules beside it and, for each role,
`ROLE/tree.json` (entries, validation commands, actions) and the contents under `ROLE/files/`. Applying
compares content, mode and owner; rehearses the changes and the validation commands in a private view of
the file system; then installs with a journal, so that a failure or a power cut is undone, at once or by
the next run. Files that the role once shipped and ships no longer are removed. Actions (reloads) of
changed paths are remembered until they have succeeded.

`packages` has Debian's packages that the bundle's roles need, and prints `missing`: what it has
installed, or would under --check. It refuses a node whose volumes are not mounted where they belong.

`apply` prints one JSON object: `changed` (paths, the first 100), `changed_total`, `reasons` (path -> why),
`actions` (commands run, or due under --check), `recovered`, `validation`. Exit status 1 with a
message on stderr when something failed; then nothing has changed, unless the message is about an action.
"""

import argparse
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import mtafleet_mounts as mounts
import mtafleet_packages as packages
from mtafleet_entries import Node, Plan, Tree, TreeError, make_plan, read_tree
from mtafleet_install import install, run_command
from mtafleet_journal import close_journal, locked, open_journal, read_manifest, undo, write_durably
from mtafleet_rehearsal import rehearse, rehearse_here

REPORTED_PATHS = 100
CANNOT_REHEARSE = 75
PROGRAM = Path(__file__) if Path(__file__).is_file() else Path(__file__).parent
"""This file, or the bundle it was started from."""


def validated(arguments: argparse.Namespace, tree: Tree, plan: Plan, node: Node, *, first: bool) -> str:
    """Rehearse. A check before the first installation may fail for want of other roles: no error then."""
    if not plan.reasons or not tree.validate:
        return "nothing to validate"
    try:
        return rehearse(arguments.role, arguments.bundle, node)
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
    try:
        with zipfile.ZipFile(arguments.bundle) as archive:
            wanted, accounts, needed = (
                json.loads(archive.read(f"{name}.json")) for name in ("packages", "accounts", "mounts")
            )
    except (OSError, KeyError, zipfile.BadZipFile, ValueError) as error:
        raise TreeError(f"{arguments.bundle}: no packages, accounts or mounts in it ({error})") from error
    try:
        mounts.require(needed, start=not arguments.check)
        lacking = packages.missing(wanted)
        if not arguments.check:
            packages.release(node.state)
            if lacking:
                packages.install(lacking, node.state, accounts=accounts)
            mounts.require_owner(needed)
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
