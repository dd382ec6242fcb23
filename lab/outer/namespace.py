"""Making, finding and entering the outer namespace."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups, host, ids
from lab.errors import HostError, LabError
from lab.ids import LabPaths
from lab.locks import held
from lab.outer.destroy import destroy
from lab.outer.record import living

__all__ = ["Outer", "destroy", "ensure", "find", "require", "run", "spawn"]

_INIT = Path(__file__).with_name("init.py")
_START_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Outer:
    """A living outer namespace; `pid` is its first process as the host counts."""

    pid: int

    @property
    def root(self) -> Path:
        """The file tree as the lab sees it, reachable from outside while the lab lives."""
        return Path(f"/proc/{self.pid}/root")

    @property
    def records(self) -> Path:
        """A folder in the lab's own memory: it vanishes with the lab, so it never tells lies."""
        return self.root / "run/lab"

    def network(self, name: str) -> Path:
        """The file that stands for a network namespace, for setns."""
        return self.root / "run/netns" / name


def ensure(paths: LabPaths) -> Outer:
    """Adopt the lab's outer namespace, or make it."""
    living = find(paths)
    if living is not None:
        ids.require_ours(paths)
        return living
    host.require()
    ids.claim(paths)
    with held(paths.locks / "outer"):
        return find(paths) or _make(paths)


def find(paths: LabPaths) -> Outer | None:
    """The outer namespace when it lives."""
    process = living(paths)
    return None if process is None else Outer(process.pid)


def require(paths: LabPaths) -> Outer:
    """The living outer namespace, or HostError that says how to get one."""
    outer = find(paths)
    if outer is None:
        raise HostError(f"lab {paths.lab} is not running; bring it up first")
    return outer


def run(
    outer: Outer,
    command: Sequence[str],
    *,
    network: str | None = None,
    stdin: str | None = None,
    timeout_seconds: float = 120.0,
) -> str:
    """Run a command inside (in the named network namespace) and return its output.

    CommandError with the command's own words when it fails.
    """
    return host.call([*_enter(outer, network), *command], stdin=stdin, timeout_seconds=timeout_seconds)


def spawn(
    outer: Outer, command: Sequence[str], *, group: Path, log: Path, environment: dict[str, str]
) -> None:
    """Start a command inside that outlives us: a child of the lab's first process.

    `group` is the cgroup it joins, `log` a file (as seen inside) for all it prints. When this
    returns, the group is populated, unless the command has already ended.
    """
    group.mkdir(parents=True, exist_ok=True)
    settings = [f"{key}={value}" for key, value in environment.items()]
    logged = ["sh", "-c", 'exec >> "$0" 2>&1 && exec "$@"', str(log), *command]
    inside = [*_enter(outer, None), "setsid", "--fork", "env", *settings, *logged]
    joined = ["sh", "-c", 'echo 0 > "$0" && exec "$@"', str(group / "cgroup.procs"), *inside]
    host.call(joined)


def _enter(outer: Outer, network: str | None) -> list[str]:
    net = f"--net={outer.network(network)}" if network else "--net"
    return ["nsenter", f"--target={outer.pid}", "--mount", "--pid", "--uts", "--ipc", net, "--"]


def _make(paths: LabPaths) -> Outer:
    host.raise_limits()
    group = cgroups.of_lab(paths)
    if cgroups.populated(group):  # what a killed lab left: nothing can adopt it any more
        cgroups.kill(group)
    cgroups.remove(f"{cgroups.PARENT}/{paths.lab}")
    init_group = group / "init"
    init_group.mkdir(parents=True)
    started = subprocess.run(
        [sys.executable, "-I", "-S", str(_INIT), str(paths.outer_record), str(init_group / "cgroup.procs")],
        env=host.tool_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=_START_TIMEOUT_SECONDS,
        umask=0o022,
        cwd=os.sep,
        check=False,
    )
    outer = find(paths)
    if started.returncode != 0 or outer is None:
        raise LabError(f"lab {paths.lab} could not be started: {started.stderr.strip() or 'no message'}")
    return outer
