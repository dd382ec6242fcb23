"""Have Debian's packages on this node. What is missing is installed; nothing is upgraded, nothing removed.

Part of a node's bundle (`mtafleet_tree.py packages`). Machines of a lab boot an image that holds all of
them: then this only looks. Services wait until their configuration is there: Debian would start each with
its own, open to the world, before the packet filter stands.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import mtafleet_locks

POLICY = Path("/usr/sbin/policy-rc.d")
"""Asked by Debian's packages before they start a service; 101 forbids it (Debian Policy 9.3.3)."""
HOLD = "hold-services"
LOOK_SECONDS = 60
INSTALL_SECONDS = 1800
APT = (
    "apt-get",
    "--quiet",
    "--option=DPkg::Lock::Timeout=60",
    "--option=Acquire::Retries=3",
    "--option=APT::Update::Error-Mode=any",
    "--option=Dpkg::Options::=--force-confold",
)


class PackageError(Exception):
    """Packages could not be had; `str()` says why, in the words of the program that failed."""


def missing(wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that are not installed and configured, in the order given."""
    if not wanted:
        return []
    shown = "--showformat=${db:Status-Status} ${Package}\n"
    done = _run(["dpkg-query", "--show", shown, *wanted], LOOK_SECONDS, good=(0, 1))
    words = (line.split() for line in done.splitlines())
    there = {word[1] for word in words if word[:1] == ["installed"]}
    return [name for name in wanted if name not in there]


def install(names: Sequence[str], state: Path, policy: Path = POLICY, accounts: Sequence[str] = ()) -> None:
    """Install `names` and what they depend on, starting no service. `state` is a directory of root's.

    `accounts` are lines of sysusers.d(5) that are made before; those that are there already stay as they are.
    """
    if accounts:
        _run(["systemd-sysusers", "-"], LOOK_SECONDS, told="\n".join(accounts) + "\n")
    with held_services(state, policy):
        _patiently(["dpkg", "--configure", "-a"])  # what an interrupted installation left
        _patiently([*APT, "update"])
        _patiently([*APT, "install", "--yes", "--no-install-recommends", "--no-remove", *names])


@contextmanager
def held_services(state: Path, policy: Path = POLICY) -> Iterator[None]:
    """Forbid the start of services. A policy that somebody else has put there stays and counts."""
    hold = state / HOLD
    hold.write_text("#!/bin/sh\nexit 101\n")
    hold.chmod(0o755)
    with suppress(FileExistsError):
        policy.symlink_to(hold)
    try:
        yield
    finally:
        release(state, policy)


def release(state: Path, policy: Path = POLICY) -> None:
    """Allow it again; also what a killed run could not."""
    with suppress(OSError):
        if policy.readlink() == state / HOLD:
            policy.unlink()


def _patiently(command: Sequence[str]) -> None:
    try:
        mtafleet_locks.patiently(lambda: _run(command, INSTALL_SECONDS), PackageError)
    except mtafleet_locks.LockedError as error:
        raise PackageError(f"`{' '.join(command)}` has to wait: {error}") from None


def _run(command: Sequence[str], timeout_seconds: float, good: tuple[int, ...] = (0,), told: str = "") -> str:
    """Standard output; PackageError with the command's last words when it fails. `told`: standard input."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            input=told,
            check=False,
            timeout=timeout_seconds,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackageError(f"{' '.join(command[:2])}: {error}") from None
    if done.returncode not in good:
        said = (done.stderr.strip() or done.stdout.strip())[-1000:]
        raise PackageError(f"`{' '.join(command)}` failed with status {done.returncode}: {said}")
    return done.stdout
