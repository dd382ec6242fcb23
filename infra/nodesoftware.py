"""The software that nodes run, as a directory tree that is ready to be put on `PYTHONPATH`.

The project's own wheel (`fleet`, `failover`, `delivery`) and the wheels of its base dependencies, pinned and
hash-checked by `uv.lock`, for the nodes' Python whatever the operator's is. Nodes need neither pip nor a
network. Trees are cached by a digest of all that goes into them, so a second call reads one directory.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import MtafleetError
from fleet.paths import cache_directory, project_root
from fleet.render import TreeFile

NODE_PYTHON = "3.13"
NODE_PLATFORM = "x86_64-manylinux_2_28"
NODE_DIRECTORY = "/opt/mtafleet/lib"
PACKAGES = ("fleet", "failover", "delivery")
RECIPE = "3"
"""Part of every digest: change it when the same inputs give another tree."""
TIMEOUT_SECONDS = 300
_LEFT_OUT = ("RECORD", "REQUESTED", "INSTALLER", "direct_url.json", "uv_cache.json", "uv_build.json")
"""Metadata that differs from build to build, or only serves an installer."""


class NodeSoftwareError(MtafleetError):
    """The tree cannot be built; says which step failed and what uv said."""


@dataclass(frozen=True, slots=True)
class NodeSoftware:
    root: Path
    digest: str
    """SHA-256 of everything that went into the tree, hexadecimal."""


def node_software(project: Path | None = None, cache: Path | None = None) -> NodeSoftware:
    """Build the tree, or find it in the cache. Safe to call from several processes at once."""
    project = project or project_root()
    digest = software_digest(project)
    root = (cache or cache_directory()) / "nodesoftware" / digest[:32]
    if not root.is_dir():
        root.parent.mkdir(parents=True, exist_ok=True)
        with _locked(root.parent / "lock"):
            if not root.is_dir():
                _build(project, root)
    return NodeSoftware(root, digest)


def software_files(software: NodeSoftware, directory: str = NODE_DIRECTORY) -> list[TreeFile]:
    """The tree as files that a role ships below `directory`, sorted by path."""
    return [
        TreeFile(f"{directory}/{file.relative_to(software.root)}", file.read_bytes())
        for file in sorted(software.root.rglob("*"))
        if file.is_file()
    ]


def software_digest(project: Path) -> str:
    """SHA-256, hexadecimal, of everything that goes into the tree; nothing is built."""
    sources = [file for package in PACKAGES for file in sorted((project / package).rglob("*"))]
    digest = hashlib.sha256(f"{RECIPE} {NODE_PYTHON} {NODE_PLATFORM}".encode())
    for file in (project / "pyproject.toml", project / "uv.lock", project / "README.md", *sources):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"\0{file.relative_to(project)}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _build(project: Path, root: Path) -> None:
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="building-") as name:
        work = Path(name)
        tree = work / "tree"
        requirements = work / "requirements.txt"
        _uv(
            project, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "-o", str(requirements)
        )
        _install(project, tree, "--require-hashes", "-r", str(requirements))
        _uv(project, "build", "--quiet", "--wheel", "--out-dir", str(work / "wheel"))
        wheel = next((work / "wheel").glob("*.whl"))
        _install(project, tree, "--no-deps", str(wheel))
        _tidy(tree)
        tree.rename(root)


def _install(project: Path, tree: Path, *arguments: str) -> None:
    _uv(
        project,
        *("pip", "install", "--quiet", "--no-config", "--target", str(tree), "--only-binary", ":all:"),
        *("--python-version", NODE_PYTHON, "--python-platform", NODE_PLATFORM),
        *arguments,
    )


def _tidy(tree: Path) -> None:
    """Leave what Python imports and the licences; the same inputs must give the same bytes."""
    for junk in (*tree.glob("bin"), *tree.rglob("__pycache__"), *tree.glob(".lock")):
        shutil.rmtree(junk) if junk.is_dir() else junk.unlink()
    for file in [*tree.glob("*.dist-info/*"), *tree.rglob("*.pyi")]:
        if file.name in _LEFT_OUT or file.suffix == ".pyi":
            file.unlink()


def _uv(project: Path, *arguments: str) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise NodeSoftwareError("uv is not on PATH: run `make bootstrap`")
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        subprocess.run(
            [uv, *arguments],
            cwd=project,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()[-5:]
        step = f"uv {' '.join(arguments[:2])}"
        raise NodeSoftwareError(f"the nodes' software cannot be built: {step}: {' '.join(said)}") from None
    except subprocess.TimeoutExpired:
        raise NodeSoftwareError(
            f"the nodes' software cannot be built: uv {arguments[0]} took over {TIMEOUT_SECONDS} s"
        ) from None


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
