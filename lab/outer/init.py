"""The first process of a lab: makes the outer namespaces, then only buries the dead.

Run as a file, with the standard library alone: `python3 -I init.py RECORD CGROUP_PROCS`.
The launcher joins the lab's cgroup, unshares and forks; the child waits until the launcher has
written who it is, so that no namespace can exist of which nobody knows. When the launcher is
killed before that, the child reads end of file and ends as well.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    record, cgroup_procs = sys.argv[1:3]
    Path(cgroup_procs).write_text("0")
    _unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET)
    go_read, go_write = os.pipe()
    ready_read, ready_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go_write)
        os.close(ready_read)
        _first_process(go_read, ready_write)
        os._exit(0)
    os.close(go_read)
    os.close(ready_write)
    _write_record(Path(record), child)
    os.write(go_write, b"go")
    if os.read(ready_read, 16) != b"ready":
        sys.exit("the lab's first process ended before it was ready")
    os._exit(0)


def _first_process(go_read: int, ready_write: int) -> None:
    if os.read(go_read, 16) != b"go":
        return
    os.close(go_read)
    os.setsid()
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, b"mode=755")
    for folder in ("netns", "lock", "lab"):
        Path("/run", folder).mkdir()
    _libc.sethostname(b"lab", 3)
    os.write(ready_write, b"ready")
    os.close(ready_write)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    _bury_forever()


def _bury_forever() -> None:
    while True:
        number = signal.sigwait({signal.SIGCHLD, signal.SIGTERM})
        if number == signal.SIGTERM:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def _write_record(path: Path, pid: int) -> None:
    stat = Path(f"/proc/{pid}/stat").read_text()
    start_ticks = int(stat[stat.rindex(")") + 2 :].split()[19])
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"pid": pid, "start_ticks": start_ticks, "boot_id": boot_id}) + "\n")
    draft.rename(path)


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")


def _mount(source: str, target: str, kind: str | None, flags: int, data: bytes | None = None) -> None:
    encoded = kind.encode() if kind else None
    if _libc.mount(source.encode(), target.encode(), encoded, ctypes.c_ulong(flags), data) != 0:
        sys.exit(f"mount {target}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
