"""Sets the stage inside private namespaces: an overlay over the lab's image, names, certificates, daemons."""

import csv
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.paths import project_root
from tests.roles.plane.certificates import write_certificates

ADDRESSES = [
    "198.51.100.11",
    "198.51.100.21",
    "198.51.100.22",
    "198.51.100.41",
    "198.51.100.51",
    "192.0.2.71",
]
RECEIVER = "198.18.0.25"
START_SECONDS = 300.0
ZONES = """\
server:
  interface: 127.0.0.1
  do-daemonize: yes
  username: ""
  chroot: ""
  module-config: "iterator"
  local-zone: "." static
  local-data: "gmail.com. MX 10 mx.gmail.com."
  local-data: "mx.gmail.com. A 198.18.0.25"
  local-data: "hosted.example. MX 10 aspmx.l.google.com."
  local-data: "aspmx.l.google.com. A 198.18.0.25"
"""


class StageError(Exception):
    """The stage could not be set; `str()` holds the program's own words."""


@dataclass(frozen=True)
class Stage:
    """A root file system that is a node's, and the programs that run in it."""

    root: Path

    def run(self, *command: str, **environment: str) -> str:
        """Run a command in the node's root; StageError with its output when it fails."""
        done = subprocess.run(
            ["chroot", str(self.root), *command],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        )
        if done.returncode:
            raise StageError(f"{' '.join(command)}: {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def apply(self, role: str, *options: str) -> dict[str, Any]:
        """What the node's tool says after applying a role's tree."""
        answer: dict[str, Any] = json.loads(self.run("python3", "-I", "/bundle.pyz", "apply", role, *options))
        return answer

    def processes(self, *names: str) -> list[int]:
        """Ids of the processes with these names."""
        found = []
        for one in (self.root / "proc").glob("[0-9]*/comm"):
            with suppress(OSError):  # it has just ended
                if one.read_text().strip() in names:
                    found.append(int(one.parent.name))
        return found

    def server_status(self, backend: str, server: str) -> str:
        """What HAProxy thinks of a server, like `UP` or `DOWN`."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.root / "run/haproxy/admin.sock"))
            connection.sendall(b"show stat\n")
            table = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        for row in csv.DictReader(table.removeprefix("# ").splitlines()):
            if (row["pxname"], row["svname"]) == (backend, server):
                return row["status"]
        raise StageError(f"HAProxy knows no {backend}/{server}")

    def log(self, name: str) -> str:
        return (self.root / "var/log/mtafleet" / name).read_text()


@contextmanager
def stage(image: Path, work: Path, bundle: bytes) -> Iterator[Stage]:
    """Everything but the daemons; the namespaces' end cleans up."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(work)], check=True)
    root, upper, scratch = work / "root", work / "upper", work / "work"
    for one in (root, upper, scratch):
        one.mkdir()
    layers = f"lowerdir={image},upperdir={upper},workdir={scratch}"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(root)], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    subprocess.run(["mount", "--rbind", "/dev", str(root / "dev")], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(root / "run")], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (*ADDRESSES, RECEIVER):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    here = Stage(root)
    (root / "bundle.pyz").write_bytes(bundle)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    (root / "etc/unbound/stage.conf").write_text(ZONES)
    write_certificates(root / "etc/mtafleet/tls")
    (root / "var/lib/mtafleet").mkdir(exist_ok=True)
    for package in ("fleet", "failover", "delivery"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project_root() / package, root / "opt/mtafleet/lib" / package, ignore=left_out)
    with suppress(StageError):  # it may be there already
        here.run("groupadd", "--system", "mtafleet")
    yield here


def start(here: Stage, instances: Sequence[str]) -> None:
    """The daemons, as their units start them."""
    here.run("unbound", "-c", "/etc/unbound/stage.conf")
    for directory, owner in (("run/rspamd", "_rspamd"), ("run/haproxy", "haproxy"), ("run/dovecot", "root")):
        (here.root / directory).mkdir(exist_ok=True)
        here.run("chown", owner, f"/{directory}")
    _spawn(here, "dovecot", "-F")
    identity = ["--reuid=_rspamd", "--regid=_rspamd", "--groups=postfix"]
    _spawn(here, "setpriv", *identity, "rspamd", "-f", "-c", "/etc/mtafleet/signer/rspamd.conf")
    start_router(here)
    for name in instances:
        here.run("postfix", "-c", f"/etc/postfix-{name}", "start")
    _wait_for(here.root / "run/rspamd/milter.sock")
    _wait_for(here.root / "run/dovecot/auth-transactional")
    _spawn(here, "haproxy", "-W", "-f", "/etc/haproxy/haproxy.cfg")
    _wait_for(here.root / "run/haproxy/admin.sock")


def start_router(here: Stage) -> None:
    """Router and front, by their own socket instead of systemd's."""
    for directory in ("run/mtafleet-router", "run/mtafleet-front", "var/lib/mtafleet/delivery"):
        (here.root / directory).mkdir()
    for one in ("router", "front"):
        environment = ("PYTHONPATH=/opt/mtafleet/lib", "PYTHONDONTWRITEBYTECODE=1")
        _spawn(here, "env", *environment, "python3", "-P", "-m", "delivery.router", one)
    _wait_for(here.root / "run/mtafleet-front/map.sock")


def _spawn(here: Stage, *command: str) -> None:
    output = (here.root / "run" / f"{command[0]}.log").open("a")
    subprocess.Popen(  # ends with the namespace
        ["chroot", str(here.root), *command],
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        env=os.environ,
    )


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise StageError(f"{path} did not appear")
        time.sleep(0.02)
