"""Tries a plan in a private view of the file system, where nothing else can see it. Part of a bundle."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mtafleet_entries import Node, Plan, Tree, TreeError
from mtafleet_install import install, run_command


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


def rehearse(role: str, bundle: str, node: Node) -> str:
    """Have `bundle` validate `role` in a private view: "rehearsed" or "not possible".

    Raises TreeError when it is invalid.
    """
    private = ["unshare", "--mount", "--propagation", "private", "--"]
    command = [sys.executable, "-I", bundle, "rehearse", role]
    places = ["--root", str(node.root), "--state", str(node.state)]
    with tempfile.TemporaryDirectory(prefix="mtafleet-") as work:
        whole = [*private, *command, *places, "--work", work]
        try:
            done = subprocess.run(whole, capture_output=True, text=True, check=False)
        except OSError:
            return "not possible"
    if done.returncode == 1:
        raise TreeError(done.stderr.strip().removeprefix("mtafleet-tree: "))
    return "rehearsed" if done.returncode == 0 else "not possible"
