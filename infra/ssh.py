"""Commands on nodes over SSH, on all of them at once. Keys live in a private directory in memory."""

import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from fleet.inventory import NodeOutput
from infra.configure.private import private_directory
from infra.outputs import StackOutputs
from infra.ssh_way import SshWay, connect_timeout_seconds, port_and_target

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
    way: SshWay

    def ask(self, command: str, timeout_seconds: float = 60) -> dict[str, Reply]:
        """Run one shell command on every node at the same time; replies by node name, never an exception."""
        with ThreadPoolExecutor(max_workers=max(1, len(self.nodes))) as workers:
            pending = {name: workers.submit(self._run, name, command, timeout_seconds) for name in self.nodes}
            return {name: future.result() for name, future in pending.items()}

    def ask_one(self, name: str, command: str, timeout_seconds: float = 60) -> Reply:
        """Run one shell command on one node."""
        return self._run(name, command, timeout_seconds)

    def _run(self, name: str, command: str, timeout_seconds: float) -> Reply:
        node = self.nodes[name]
        try:
            done = subprocess.run(
                [*self._ssh(node), command],
                capture_output=True,
                text=True,
                timeout=timeout_seconds + self._opening_seconds(node),
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return Reply(problem=self.way.trouble(node) or f"no answer within {timeout_seconds:g} s")
        said = done.stderr.strip().splitlines()
        if done.returncode == COULD_NOT_CONNECT:
            problem = self.way.trouble(node) or (said[-1] if said else "no SSH connection")
            return Reply(exit_code=COULD_NOT_CONNECT, problem=problem)
        if done.returncode:
            problem = said[-1] if said else f"exit code {done.returncode}"
            return Reply(done.stdout, done.returncode, problem)
        return Reply(done.stdout)

    def _ssh(self, node: NodeOutput) -> list[str]:
        options = self.way.options(node, shared=_shared(node))
        named = ["-o", f"ConnectTimeout={connect_timeout_seconds(node)}", "-o", "LogLevel=ERROR"]
        return ["ssh", *options, *named, *port_and_target(node)]

    def _opening_seconds(self, node: NodeOutput) -> int:
        """What a command may take beyond its own time until there is a connection."""
        return connect_timeout_seconds(node) if _shared(node) else 0


def _shared(node: NodeOutput) -> bool:
    """Session Manager takes seconds for a session, and grants few in a second: one serves all commands."""
    return node.session is not None


@contextmanager
def node_shells(outputs: StackOutputs) -> Iterator[NodeShells]:
    """Ways to every node of the stack; the key is deleted and connections end on every way out."""
    nodes = outputs.fleet.nodes
    with private_directory() as directory:
        way = SshWay.lay_out(directory, outputs.secrets, nodes.values())
        try:
            yield NodeShells(nodes, way)
        finally:
            way.end_shared(node for node in nodes.values() if _shared(node))
