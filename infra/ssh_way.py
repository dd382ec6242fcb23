"""How ssh reaches nodes: the one place that says so, for commands of our own and for Ansible's.

The key and the hosts' own keys come from the stack's outputs. A node that AWS's Session Manager leads to is
reached by a ProxyCommand instead of a TCP connection; all else stays as it is.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.inventory import NodeOutput, Secrets
from infra.configure.private import write_private
from infra.known_hosts import known_host

CONNECT_TIMEOUT_SECONDS = 10
SESSION_CONNECT_TIMEOUT_SECONDS = 60
"""For AWS to open a session, retries for throttling included, while many others begin."""
PERSIST_SECONDS = 300
CLEANUP_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SshWay:
    """What ssh needs, below a private directory that outlives every connection. Made by `lay_out`."""

    directory: Path

    @classmethod
    def lay_out(cls, directory: Path, secrets: Secrets, nodes: Iterable[NodeOutput]) -> "SshWay":
        """Write the key and the known hosts below `directory`."""
        key = secrets.ssh_private_key.get_secret_value()
        write_private(directory / "identity", key.rstrip("\n") + "\n")
        write_private(directory / "known_hosts", "".join(map(known_host, nodes)))
        for name in ("cp", "trouble"):
            (directory / name).mkdir(mode=0o700)
        return cls(directory)

    @property
    def sockets(self) -> Path:
        """Where connections that several commands share have their sockets."""
        return self.directory / "cp"

    def options(self, node: NodeOutput, *, shared: bool) -> list[str]:
        """Options of every ssh call to `node`, without the port and the time to connect in.

        `shared`: keep the connection for further commands until `end_shared`, or for five idle minutes.
        """
        options = {
            "IdentityFile": os.fspath(self.directory / "identity"),
            "IdentitiesOnly": "yes",
            "PreferredAuthentications": "publickey",
            "UserKnownHostsFile": os.fspath(self.directory / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
        }
        if shared:
            options |= {
                "ControlMaster": "auto",
                "ControlPersist": str(PERSIST_SECONDS),
                "ControlPath": f"{self.sockets}/%C",
                "ServerAliveInterval": "5",
                "ServerAliveCountMax": "6",
            }
        if node.session is not None:
            options["ProxyCommand"] = self._proxy(node)
        return ["-F", "none", *(part for item in options.items() for part in ("-o", "=".join(item)))]

    def trouble(self, node: NodeOutput) -> str:
        """Why Session Manager did not lead to `node` when it was last asked; empty when it did."""
        if node.session is None:
            return ""
        try:
            return self._trouble(node.session.instance).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def end_shared(self, nodes: Iterable[NodeOutput]) -> None:
        """End the connections that are being kept, all at once."""
        calls = [
            ["ssh", *self.options(node, shared=True), *port_and_target(node, "-O", "exit")] for node in nodes
        ]
        wait_for_all(calls)

    def _proxy(self, node: NodeOutput) -> str:
        """Run by a shell after ssh has filled in what begins with %."""
        if node.session is None:
            raise ValueError("only a node behind Session Manager has a proxy")
        words = [sys.executable, "-P", "-m", "infra.sessions.proxy", "--region", node.session.region]
        words += ["--port", str(node.ssh_port)]
        words += ["--trouble", os.fspath(self._trouble(node.session.instance)), node.session.instance]
        return shlex.join(words).replace("%", "%%")

    def _trouble(self, instance: str) -> Path:
        return self.directory / "trouble" / instance


def port_and_target(node: NodeOutput, *options: str) -> list[str]:
    """The end of an ssh call, `options` before the target."""
    return ["-p", str(node.ssh_port), *options, f"{node.ssh_user}@{node.ssh_host}"]


def connect_timeout_seconds(node: NodeOutput) -> int:
    """How long a first connection to `node` may take."""
    return CONNECT_TIMEOUT_SECONDS if node.session is None else SESSION_CONNECT_TIMEOUT_SECONDS


def wait_for_all(calls: Iterable[Sequence[str]]) -> None:
    """Run commands at the same time, whatever comes of them; each is killed when it takes too long."""
    running = [
        subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for call in calls
    ]
    for process in running:
        try:
            process.wait(timeout=CLEANUP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
