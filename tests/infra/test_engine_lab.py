"""The real engine, the real providers, real machines: a small fleet under a name of its own."""

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.inventory import NodeOutput
from fleet.paths import project_root
from infra.engine import find_engine
from infra.engine.leftovers import recover
from infra.engine.urns import urn_in
from infra.outputs import StackOutputs, parse_outputs
from lab import cgroups, host
from lab.api import LabPaths, machine, netns, outer
from lab.errors import HostError
from tests.infra.stack import Stack

NAME = "uptest"
MACHINES = {"east-1", "west-1", "witness-1", "app-1", "internet-1"}


def _lab_possible() -> bool:
    try:
        host.require()
    except HostError:
        return False
    return True


pytestmark = [
    pytest.mark.engine,
    pytest.mark.lab,
    pytest.mark.skipif(find_engine() is None, reason="no Pulumi engine: tools/bootstrap builds one"),
    pytest.mark.skipif(not _lab_possible(), reason="this computer cannot run a lab: see tools/preflight"),
]


@pytest.fixture
def paths() -> Iterator[LabPaths]:
    here = LabPaths.of(NAME, project_root())
    outer.destroy(here)  # what a killed run of this test has left
    yield here
    outer.destroy(here)


@pytest.fixture
def stack(tmp_path: Path, paths: LabPaths) -> Iterator[Stack]:
    made = Stack.make(tmp_path, NAME, "lab/provider")
    yield made
    made.end()


class Operator:
    """Enters nodes over SSH with nothing but the stack's outputs."""

    def __init__(self, paths: LabPaths, outputs: StackOutputs, folder: Path) -> None:
        self._paths = paths
        self._nodes = outputs.fleet.nodes
        self._key = folder / "key"
        self._key.touch(stat.S_IRUSR | stat.S_IWUSR)
        self._key.write_text(outputs.secrets.ssh_private_key.get_secret_value())
        self._known_hosts = folder / "known_hosts"
        self._known_hosts.write_text(
            "".join(f"{node.ssh_host} {node.host_key}\n" for node in self._nodes.values())
        )

    @property
    def nodes(self) -> set[str]:
        return set(self._nodes)

    def run(self, name: str, command: str) -> str:
        node: NodeOutput = self._nodes[name]
        arguments = [
            *("ssh", "-q", "-i", str(self._key), "-o", f"UserKnownHostsFile={self._known_hosts}"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-p", str(node.ssh_port)),
            *(f"{node.ssh_user}@{node.ssh_host}", command),
        ]

        def ask() -> str:
            answer = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=300)
            assert answer.returncode == 0, answer.stderr
            return answer.stdout.strip()

        return netns.opened_in(netns.operator_network(self._paths), ask)


def operator(stack: Stack, paths: LabPaths, folder: Path) -> Operator:
    text = stack.run("stack", "output", "--stack", NAME, "--json", "--show-secrets").text
    folder.mkdir()
    return Operator(paths, parse_outputs(NAME, text), folder)


def assert_nothing_left(paths: LabPaths) -> None:
    assert not paths.state.exists()
    assert not paths.run.exists()
    assert not cgroups.of_lab(paths).exists()
    assert paths.lab not in Path("/proc/self/mountinfo").read_text()


def test_a_fleet_comes_loses_a_machine_and_goes(stack: Stack, paths: LabPaths, tmp_path: Path) -> None:
    first = stack.up()
    assert first.status == 0, first.text
    assert set(machine.names(paths)) == MACHINES
    ssh = operator(stack, paths, tmp_path / "operator")
    for name in ssh.nodes:
        assert ssh.run(name, "hostname") == f"{name}.fleet.example"
    assert set(stack.up().counts) == {"unchanged"}

    ssh.run("east-1", "echo queued > /var/spool/message && sync")
    machine.kill(paths, "east-1")
    seen = stack.preview("--refresh")
    assert "running: false => true" in seen.text, seen.text
    again = stack.up("--refresh")
    assert again.counts["updated"] == 1, again.text
    assert ssh.run("east-1", "cat /var/spool/message") == "queued"
    assert "198.51.100.21" in ssh.run("east-1", "ip -brief address")

    export = stack.run("stack", "export", "--stack", NAME).text
    urn = urn_in(export, "mtalab:index:Machine", "east-1")
    assert urn is not None
    before = machine.read(paths, "east-1")
    replaced = stack.up("--target-replace", urn, "--target-dependents")
    assert replaced.counts["replaced"] == 1 + 2, replaced.text  # and its two sending addresses
    after = machine.read(paths, "east-1")
    assert before is not None
    assert after is not None
    assert after.running
    assert after.boot != before.boot
    assert ssh.run("east-1", "cat /var/spool/message") == "queued"
    assert "198.51.100.21" in ssh.run("east-1", "ip -brief address")

    stack.edit("delay_milliseconds: 0", "delay_milliseconds: 40")
    assert stack.up().counts["updated"] == 1
    assert ssh.run("east-1", "cat /proc/sys/kernel/hostname") == "east-1.fleet.example"

    gone = stack.destroy()
    assert gone.status == 0, gone.text
    assert_nothing_left(paths)
    stack.await_end()


def kill_half_way(stack: Stack) -> None:
    """Start an `up` and end the engine with SIGKILL when the first machine boots."""
    engine = stack.start("up", "--stack", NAME, "--yes", "--skip-preview")
    assert engine.stdout is not None
    for line in engine.stdout:
        if "mtalab:index:Machine" in line and "creating" in line:
            break
    engine.kill()
    engine.communicate()


def test_a_killed_up_can_be_repeated_and_destroyed(stack: Stack, paths: LabPaths, tmp_path: Path) -> None:
    kill_half_way(stack)
    assert stack.run("cancel", "--yes", "--stack", NAME).status == 0
    gone = stack.destroy()
    assert gone.status == 0, gone.text
    assert_nothing_left(paths)

    kill_half_way(stack)
    assert recover(NAME, stack.project, stack.environment)
    again = stack.up()
    assert again.status == 0, again.text
    ssh = operator(stack, paths, tmp_path / "operator")
    assert {ssh.run(name, "hostname") for name in ssh.nodes} == {
        f"{name}.fleet.example" for name in ssh.nodes
    }

    first_process = outer.find(paths)
    assert first_process is not None
    os.kill(first_process.pid, signal.SIGKILL)  # the whole lab at once, as a restart of the computer would
    assert cgroups.wait_empty(cgroups.of_lab(paths), 120.0)
    assert stack.up("--refresh").status == 0
    assert {ssh.run(name, "hostname") for name in ssh.nodes} == {
        f"{name}.fleet.example" for name in ssh.nodes
    }

    assert stack.destroy().status == 0
    assert_nothing_left(paths)
