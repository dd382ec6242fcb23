"""The computer a lab runs on: what it must offer, and calling its tools."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import CommandError, HostError

TOOLS = {
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ssh-keygen": "openssh-client",
    "systemctl": "systemd",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}
"""Each tool the lab calls and the Debian package that has it."""

_LIMITS = {"fs/inotify/max_user_instances": 8192, "fs/inotify/max_user_watches": 524_288}
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
}


def tool_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The clean environment system tools run in, whatever the caller's shell holds."""
    return {**_ENVIRONMENT, **(more or {})}


def missing() -> list[str]:
    """Say in one phrase each what this computer lacks to run a lab; empty when nothing."""
    lacks: list[str] = []
    if os.geteuid() != 0:
        lacks.append("root rights (run as root, or with sudo)")
    packages = sorted(
        {package for tool, package in TOOLS.items() if shutil.which(tool, path=_search_path()) is None}
    )
    if packages:
        lacks.append(f"Debian packages (apt-get install {' '.join(packages)})")
    if not Path("/proc/self/ns/pid").exists():
        lacks.append("Linux namespaces")
    if not _has_cgroup2():
        lacks.append("a mounted cgroup v2 hierarchy")
    if not Path("/dev/net/tun").exists():
        lacks.append("/dev/net/tun (modprobe tun)")
    return lacks


def require() -> None:
    """Raise HostError naming everything that is missing, in one message."""
    lacks = missing()
    if lacks:
        raise HostError(f"this computer cannot run the lab; it lacks {'; '.join(lacks)}")


def raise_limits() -> None:
    """Let this computer's root watch enough files for the systemd of many machines.

    All machines of all labs share root's allowance; the usual 128 is too little for two labs,
    and a machine that gets none boots with failed units. A limit is only ever raised, and stays
    so until the computer restarts: it costs nothing, and another lab may rely on it.
    """
    for path, least in _LIMITS.items():
        setting = Path("/proc/sys", path)
        if int(setting.read_text()) < least:
            setting.write_text(str(least))


def call(
    command: Sequence[str],
    *,
    stdin: str | None = None,
    timeout_seconds: float = 120.0,
) -> str:
    """Run a system tool and return what it printed; CommandError carries its complaint."""
    try:
        done = subprocess.run(
            list(command),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            env=tool_environment(),
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        package = TOOLS.get(command[0], command[0])
        raise HostError(f"{command[0]} is not installed; apt-get install {package}") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{' '.join(command)}: no end after {timeout_seconds:g} s") from error
    if done.returncode != 0:
        complaint = (done.stderr or done.stdout).strip() or "no message"
        raise CommandError(f"{' '.join(command)}: exit status {done.returncode}: {complaint}")
    return done.stdout


def _search_path() -> str:
    return _ENVIRONMENT["PATH"]


def _has_cgroup2() -> bool:
    return any(" cgroup2 " in line for line in Path("/proc/mounts").read_text().splitlines())
