"""Builds the Pulumi engine from pinned Go modules into the cache: `python -m tools.pulumi.build`.

Two modules, because the Python language host left Pulumi's main module after v3.76.0; the scripts that the
engine wants beside it are taken from the newer one. go.sum fixes every byte of the sources. The result
appears in one rename, so a killed build leaves nothing that looks finished; a lock keeps two builds apart.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.errors import MtafleetError
from infra.engine.locate import ENGINE_FILES, built_engine_directory, find_engine
from infra.engine.versions import MINIMUM_CLI
from tools.pulumi.progress import Progress
from tools.pulumi.toolchain import discard_own_go, go_environment, require_go

SOURCES = Path(__file__).parent
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
SCRIPTS = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-resource-pulumi-python",
    "python/dist/pulumi-analyzer-policy-python",
)
TARGETS = (
    ("cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"),
    ("language-python", "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"),
)


class BuildError(MtafleetError):
    """The engine could not be built from its sources."""


def _go(go: Path, module: Path, *arguments: str) -> str:
    """One short `go` command in a module; its standard output."""
    answer = subprocess.run(
        [go, *arguments], cwd=module, env=go_environment(go), capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise BuildError(f"go {' '.join(arguments)} failed in {module}:\n{answer.stderr.strip()[-2000:]}")
    return answer.stdout


def _fetched(go: Path, module: Path, package: str) -> list[str]:
    """The packages that `package` is made of, their sources fetched; mirrors have hiccups."""
    for pause_seconds in (5, 20, 60):
        try:
            return _go(go, module, "list", "-deps", package).split()
        except BuildError as error:
            print(f"{error}\npulumi engine: once more in {pause_seconds} s", file=sys.stderr)
            time.sleep(pause_seconds)
    return _go(go, module, "list", "-deps", package).split()


def _compile(go: Path, module: Path, package: str, binary: Path) -> None:
    """Compile one command, at low priority, counting packages for the progress line."""
    with Progress(f"pulumi engine: fetching the sources of {binary.name}") as progress:
        progress.total = len(_fetched(go, module, package))
        progress.label = f"pulumi engine: compiling {binary.name}"
        flags = f"-s -w -X {VERSION_VARIABLE}=v{MINIMUM_CLI}"
        command = ["nice", "-n", "5", str(go), "build", "-v", "-ldflags", flags, "-o", str(binary), package]
        said: list[str] = []
        with subprocess.Popen(
            command, cwd=module, env=go_environment(go), stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None  # noqa: S101  asked for above
            for line in process.stderr:
                said.append(line)
                progress.advance()
        if process.returncode != 0:
            raise BuildError(f"compiling {package} failed:\n{''.join(said[-20:]).strip()}")


def _install_scripts(go: Path, target: Path) -> None:
    """Copy the engine's helper scripts out of the module that carries them."""
    sdk = Path(_go(go, SOURCES / "cli", "list", "-m", "-f", "{{.Dir}}", SDK_MODULE).strip())
    for script in SCRIPTS:
        copy = target / Path(script).name
        shutil.copyfile(sdk / script, copy)
        copy.chmod(0o755)


def _smoke_test(target: Path) -> None:
    """A binary that cannot say its version must not reach the cache."""
    answer = subprocess.run([target / "pulumi", "version"], capture_output=True, text=True, check=False)
    if answer.stdout.strip() != f"v{MINIMUM_CLI}":
        raise BuildError(f"the new pulumi says {answer.stdout!r} {answer.stderr!r} instead of v{MINIMUM_CLI}")
    absent = [name for name in ENGINE_FILES if not os.access(target / name, os.X_OK)]
    if absent:
        raise BuildError(f"the build made no {', '.join(absent)}")


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold `lock` against other processes; the kernel frees it when this one dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("pulumi engine: another build is under way, waiting for it", file=sys.stderr)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def build(destination: Path) -> None:
    """Build everything and move it to `destination` (a directory `bin`) in one rename."""
    cache = destination.parent.parent
    go = require_go()
    for leftover in cache.glob(".building-*"):  # of a build that was killed; we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=cache) as temporary:
        target = Path(temporary) / "result" / destination.name
        target.mkdir(parents=True)
        for module, package in TARGETS:
            _compile(go, SOURCES / module, package, target / package.rsplit("/", 1)[1])
        _install_scripts(go, target)
        _smoke_test(target)
        shutil.rmtree(destination.parent, ignore_errors=True)
        target.parent.rename(destination.parent)
    discard_own_go()


def main() -> int:
    """Make sure an engine is there; say which one."""
    try:
        destination = built_engine_directory()
        engine = find_engine()
        if engine is None:
            with exclusive(destination.parent.parent / "lock"):
                if find_engine() is None:
                    build(destination)
            engine = find_engine()
    except MtafleetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pulumi engine: interrupted; the next run starts from what the Go cache holds", file=sys.stderr)
        return 130
    assert engine is not None  # noqa: S101  build() raises otherwise
    if sys.stderr.isatty():
        print(f"pulumi engine: {engine.version} in {engine.directory}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
