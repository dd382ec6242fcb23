"""Finds the Pulumi engine: the official one on PATH when it is new enough, else the one built into the cache.

The build is addressed by the content of what it is made from (the module files with their checksums below
`tools/pulumi`), so that a changed pin never meets an old binary.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fleet.paths import cache_directory, project_root
from infra.engine.errors import EngineError
from infra.engine.versions import MINIMUM_CLI, Version, find_version

__all__ = [
    "ENGINE_FILES",
    "Engine",
    "built_engine_directory",
    "content_hash",
    "find_engine",
    "official_engine",
    "require_engine",
]

#: Everything the engine needs side by side on PATH to run a Python program.
ENGINE_FILES = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
    "pulumi-analyzer-policy-python",
)
#: What decides the content of the build, relative to `tools/pulumi`.
_SOURCES = ("cli/go.mod", "cli/go.sum", "language-python/go.mod", "language-python/go.sum")


@dataclass(frozen=True)
class Engine:
    """An engine ready to run: where its files are, and whose build it is."""

    directory: Path
    version: Version
    official: bool


def content_hash(files: Iterable[Path]) -> str:
    """12 hexadecimal digits that change with any byte, name or order of `files`."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.parent.name}/{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def built_engine_directory() -> Path:
    """Where the engine built for this checkout's pins is, or will be."""
    sources = project_root() / "tools" / "pulumi"
    return cache_directory() / "pulumi" / content_hash(sources / name for name in _SOURCES) / "bin"


def official_engine(path: str) -> Engine | None:
    """The engine that someone installed on `path`, unless it is absent, incomplete or too old.

    A directory below our own cache does not count: it may be a build for other pins, left on PATH by a shell.
    """
    ours = cache_directory().resolve()
    foreign = os.pathsep.join(
        part for part in path.split(os.pathsep) if part and ours not in Path(part).resolve().parents
    )
    command = shutil.which("pulumi", path=foreign)
    if command is None or shutil.which("pulumi-language-python", path=foreign) is None:
        return None
    try:
        answer = subprocess.run([command, "version"], capture_output=True, text=True, timeout=30, check=True)
        version = find_version(answer.stdout)
    except (OSError, subprocess.SubprocessError, EngineError):
        return None
    return Engine(Path(command).parent, version, official=True) if version >= MINIMUM_CLI else None


def find_engine(path: str | None = None) -> Engine | None:
    """The engine to use with `path` (default: this process's PATH), or None when one has to be built."""
    official = official_engine(os.environ.get("PATH", "") if path is None else path)
    if official is not None:
        return official
    built = built_engine_directory()
    if all(os.access(built / name, os.X_OK) for name in ENGINE_FILES):
        return Engine(built, MINIMUM_CLI, official=False)
    return None


def require_engine() -> Engine:
    """The engine to use; raises EngineError that says how to get one."""
    engine = find_engine()
    if engine is None:
        raise EngineError(
            f"no Pulumi engine: PATH has no `pulumi` {MINIMUM_CLI} or newer with its Python language host, "
            "and none has been built yet.\nRun tools/bootstrap (builds it once, about four minutes), "
            "or install the official Pulumi CLI."
        )
    return engine
