"""Commands on nodes over SSH, on all of them at once. Keys live in a private directory in memory."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet.inventory import NodeOutput
from infra.configure.private import private_directory, write_private
from infra.known_hosts import known_host
from infra.outputs import StackOutputs

CONNECT_TIMEOUT_SECONDS = 10
COULD_NOT_CONNECT = 255


@dataclass(frozen=True, slots=True)
class Reply:
    """What one node said; `problem` instead when there was no way to ask it."""

    output: str = ""
    exit_code: int = 0
    problem: str = ""

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.problem


@dataclass(frozen=True, slots=True)
class NodeShells:
    """Runs commands on nodes. Made by `node_shells`."""

    nodes: Mapping[str, NodeOutput]
    directory: Path

    def ask(self, command: str, timeout_seconds: float = 60) -> dict[str, Reply]:
        """Run one shell command on every node at the same time; replies by node name, never an exception."""
        with ThreadPoolExecutor(max_workers=max(1, len(self.nodes))) as workers:
            pending = {name: workers.submit(self._run, name, command, timeout_seconds) for name in self.nodes}
            return {name: future.result() for name, future in pending.items()}

    def ask_one(self, name: str, command: str, timeout_seconds: float = 60) -> Reply:
        """Run one shell command on one node."""
        return self._run(name, command, timeout_seconds)

    def _run(self, name: str, command: str, timeout_seconds: float) -> Reply:
        try:
            done = subprocess.run(
                [*self._ssh(self.nodes[name]), command],
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return Reply(problem=f"no answer within {timeout_seconds:g} s")
        said = done.stderr.strip().splitlines()
        if done.returncode == COULD_NOT_CONNECT:
            return Reply(exit_code=COULD_NOT_CONNECT, problem=said[-1] if said else "no SSH connection")
        if done.returncode:
            problem = said[-1] if said else f"exit code {done.returncode}"
            return Reply(done.stdout, done.returncode, problem)
        return Reply(done.stdout)

    def _ssh(self, node: NodeOutput) -> Sequence[str]:
        options = {
            "IdentityFile": os.fspath(self.directory / "identity"),
            "IdentitiesOnly": "yes",
            "PreferredAuthentications": "publickey",
            "UserKnownHostsFile": os.fspath(self.directory / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "ConnectTimeout": str(CONNECT_TIMEOUT_SECONDS),
            "LogLevel": "ERROR",
        }
        named = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "none", *named, "-p", str(node.ssh_port), f"{node.ssh_user}@{node.ssh_host}"]


@contextmanager
def node_shells(outputs: StackOutputs) -> Iterator[NodeShells]:
    """Ways to every node of the stack; the key is deleted on every way out."""
    with private_directory() as directory:
        key = outputs.secrets.ssh_private_key.get_secret_value()
        write_private(directory / "identity", key.rstrip("\n") + "\n")
        write_private(directory / "known_hosts", "".join(map(known_host, outputs.fleet.nodes.values())))
        yield NodeShells(outputs.fleet.nodes, directory)
