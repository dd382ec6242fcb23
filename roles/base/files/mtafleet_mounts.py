"""Refuse a node on which a volume is not mounted where it belongs: files would go to the root disk unseen.

Part of a node's bundle (`mtafleet_tree.py packages`), which names the mounts a node must have; a lab's nodes
have none. A volume that is attached but not mounted yet, as in the minutes after the first boot, is mounted
by its own unit, unless something of the fleet lies beneath already.
"""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
START_SECONDS = 120
QUEUE_OWNER = "postfix"
BENEATH = "postfix-*"
"""What lies in the mount point on the root disk once a node was configured without its volume."""


class MountError(Exception):
    """A volume is not where it belongs; `str()` says what is there instead and what helps."""


def require(wanted: Sequence[Mapping[str, str]], *, start: bool, mountinfo: Path = MOUNTINFO) -> None:
    """Each of `wanted` has `path`, `device` (a path below /dev) and `unit`; `start`: mount what waits."""
    for one in wanted:
        problem = found_wrong(one["path"], one["device"], mountinfo)
        if problem and start and may_be_mounted(one["path"], one["device"], mountinfo):
            problem = mounted_by(one["unit"]) or found_wrong(one["path"], one["device"], mountinfo)
        if problem:
            raise MountError(
                f"{problem}. Nothing was configured: mail would be queued on the root disk. Is the volume "
                f"attached (`mtafleet up`)? Then `systemctl start {one['unit']}` on the machine, and again"
            )


def require_owner(wanted: Sequence[Mapping[str, str]], account: str = QUEUE_OWNER) -> None:
    """Refuse queues on a volume that belong to another number than `account` has on this machine.

    A volume may have been filled by a machine on which the account had another number: its queues would be
    closed to Postfix, and open to whoever has that number now.
    """
    try:
        number = pwd.getpwnam(account).pw_uid
    except KeyError:
        return
    for one in wanted:
        for queue in sorted(Path(one["path"]).glob(f"{BENEATH}/active")):
            if (owner := queue.stat().st_uid) != number:
                raise MountError(
                    f"{queue} belongs to number {owner}, and {account} is number {number} here: its mail "
                    f"would wait for ever. `chown --recursive --from={owner} {account} {queue.parent}` while "
                    f"Postfix does not run, and again"
                )


def found_wrong(path: str, device: str, mountinfo: Path) -> str:
    """What is at `path` instead of the volume `device`; empty when the volume is."""
    if not Path(device).exists():
        return f"{path}: its volume, {device}, is not attached to this machine"
    there = mounted_at(path, mountinfo)
    if there is None:
        return f"{path}: its volume, {device}, is attached but not mounted"
    number, root, source = there
    volume = Path(device).stat().st_rdev
    if number == f"{os.major(volume)}:{os.minor(volume)}" and root == "/":
        return ""
    part = "" if root == "/" else f", and of it {root} only"
    return f"{path}: {source} is mounted there{part}, not its volume, {device}"


def mounted_at(path: str, mountinfo: Path) -> tuple[str, str, str] | None:
    """Device number (MAJOR:MINOR), path inside the file system, source: of the topmost mount at `path`."""
    found = None
    for line in mountinfo.read_text().splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if fields[4] == path:
            found = fields[2], fields[3], after.split()[1]
    return found


def may_be_mounted(path: str, device: str, mountinfo: Path) -> bool:
    """Whether the volume waits for its mount and would cover nothing of the fleet's."""
    if not Path(device).exists() or mounted_at(path, mountinfo) is not None:
        return False
    return not any(Path(path).glob(BENEATH))


def mounted_by(unit: str) -> str:
    """Start the unit; why that failed, or nothing."""
    command = ["systemctl", "start", unit]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`{' '.join(command)}`: {error}"
    said = (done.stderr.strip() or done.stdout.strip())[-500:]
    return f"`{' '.join(command)}` failed: {said}" if done.returncode else ""
