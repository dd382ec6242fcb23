"""Two mail nodes and a client in networks of their own, and what can happen to a node.

Everything runs below one process in a process namespace of its own: when that ends, however it ends, nothing
is left.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bench.errors import BenchError
from bench.peers.mailnode import PORT

INSIDE = "MTAFLEET_PEERS_INSIDE"
CLIENT = "10.77.0.1"
SHARED = "10.77.0.100"
"""The address that moves, for the tool that moves one."""
ANY = "0.0.0.0"  # noqa: S104 - within a network of its own, where one address moves
_UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
_NFT = """table inet fault {{
    chain in {{ type filter hook input priority 0; iifname net0 {rule}; }}
    chain out {{ type filter hook output priority 0; oifname net0 {rule}; }}
}}"""


class Fault(StrEnum):
    """What happens to a node's mail."""

    CRASH = "crash"
    BLACK_HOLE = "black hole"
    HANG = "hang"
    GRAY = "gray"


def enter(module: str, arguments: Sequence[str]) -> None:
    """Start the program again inside of namespaces of its own, unless it is there; BenchError if not root."""
    if INSIDE in os.environ:
        return
    if os.geteuid() != 0:
        raise BenchError("networks of their own can be made by root only: run it with sudo")
    environment = os.environ | {INSIDE: "1"}
    os.execvpe("unshare", [*_UNSHARE, sys.executable, "-m", module, *arguments], environment)  # noqa: S606 - no shell wanted


@dataclass
class Node:
    """One mail node: a network, held by a process that sleeps, and the server in it."""

    name: str
    address: str
    directory: Path
    holder: subprocess.Popen[bytes]
    server: subprocess.Popen[bytes] | None = None
    faults: list[Fault] = field(default_factory=list)

    def command(self, *words: str) -> list[str]:
        """As run in this node's network."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *words]

    def start(self) -> None:
        """Start the mail server and wait until it listens."""
        arguments = [sys.executable, "-m", "bench.peers.mailnode", self.name, ANY]
        self.server = subprocess.Popen(self.command(*arguments))
        self._until_it_listens()

    def inject(self, fault: Fault) -> None:
        """Let it happen."""
        server = self._running()
        if fault is Fault.CRASH:
            server.kill()
        elif fault is Fault.HANG:
            server.send_signal(signal.SIGSTOP)
        elif fault is Fault.GRAY:
            server.send_signal(signal.SIGUSR1)
        else:
            self._drop("drop")
        self.faults.append(fault)

    def heal(self) -> None:
        """Undo what was injected."""
        for fault in self.faults:
            server = self._running()
            if fault is Fault.CRASH:
                server.wait()
                self.start()
            elif fault is Fault.HANG:
                server.send_signal(signal.SIGCONT)
            elif fault is Fault.GRAY:
                server.send_signal(signal.SIGUSR2)
            else:
                run(self.command("nft", "delete", "table", "inet", "fault"))
        self.faults.clear()

    def signal(self, number: int) -> None:
        """Send its mail server a signal."""
        self._running().send_signal(number)

    def lose(self, percent: int) -> None:
        """Lose so much of all packets at random; 0 ends it."""
        subprocess.run(
            self.command("nft", "delete", "table", "inet", "fault"), capture_output=True, check=False
        )
        if percent:
            self._drop(f"numgen random mod 100 < {percent} drop")

    def _drop(self, rule: str) -> None:
        run(self.command("nft", "-f", "-"), _NFT.format(rule=rule))

    def _running(self) -> subprocess.Popen[bytes]:
        if self.server is None:
            raise BenchError(f"{self.name} has no server")
        return self.server

    def _until_it_listens(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            listening = subprocess.run(
                self.command("ss", "-Hltn", f"sport = :{PORT}"), capture_output=True, check=True
            )
            if listening.stdout:
                return
            time.sleep(0.02)
        raise BenchError(f"the mail server of {self.name} does not listen")


@contextmanager
def two_nodes(directory: Path) -> Iterator[tuple[Node, Node]]:
    """The nodes a and b, in service, and the client's side of the network in this process's own."""
    run(["ip", "link", "set", "lo", "up"])
    run(["ip", "link", "add", "fleet", "type", "bridge"])
    run(["ip", "address", "add", f"{CLIENT}/24", "dev", "fleet"])
    run(["ip", "link", "set", "fleet", "up"])
    nodes = (_node("a", "10.77.0.11", directory), _node("b", "10.77.0.12", directory))
    try:
        for node in nodes:
            node.start()
        yield nodes
    finally:
        for node in nodes:
            for process in (node.server, node.holder):
                if process is not None:
                    process.kill()
                    process.wait()


def run(command: Sequence[str], text: str = "") -> None:
    """Run it with `text` as its input; BenchError with what it said when it fails."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"`{' '.join(command)}` failed: {(done.stderr or done.stdout).strip()}")


def _node(name: str, address: str, directory: Path) -> Node:
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    own = Path("/proc/self/ns/net").readlink()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
        if time.monotonic() > deadline:
            raise BenchError(f"node {name} gets no network of its own")
        time.sleep(0.01)
    place = directory / name
    place.mkdir()
    node = Node(name, address, place, holder)
    run(["ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "net0", "netns", str(holder.pid)])
    run(["ip", "link", "set", f"to-{name}", "master", "fleet", "up"])
    run(node.command("ip", "address", "add", f"{address}/24", "dev", "net0"))
    run(node.command("ip", "link", "set", "net0", "up"))
    run(node.command("ip", "link", "set", "lo", "up"))
    return node
