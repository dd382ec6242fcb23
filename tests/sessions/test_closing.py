"""Emptying `aws.operator_networks`: no machine is left without a way in, the agent comes by SSH before."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

import cli.closing
import cli.plan
from cli.closing import LockoutError, open_the_other_way, refuse_lockout
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.aws_stack import AwsStack
from infra.outputs import StackOutputs
from infra.sessions.agent import RUNS, installing
from infra.ssh import node_shells
from tests.sessions.conftest import REGIONS, node_output, stack_outputs
from tests.sessions.machine import Machine, machines

DEV = Fleet.of(load_environment("dev"))
STACK = AwsStack(DEV.environment, "fleet", Path(), {})
"""Of an environment whose file names no operators' networks."""
Machines = dict[str, Machine]


class Computer:
    """Answers as a machine whose agent runs from the moment it is installed, where that succeeds."""

    def __init__(self, *, agent: bool = False, mirror: bool = True) -> None:
        self.agent, self.mirror = agent, mirror

    def __call__(self, command: str) -> tuple[str, int]:
        if command != RUNS:
            self.agent = self.agent or self.mirror
        return "", 0 if self.agent else 3


@pytest.fixture
def made(key: asyncssh.SSHKey) -> Iterator[Machines]:
    """Machines that SSH reaches at an open port; the agent runs on the witness alone."""
    with machines(list(REGIONS), key, lambda command: ("", 0)) as made:
        for name, machine in made.items():
            machine.answer = Computer(agent=name == "witness-1")
        yield made


@pytest.fixture
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def outputs(made: Machines, key: asyncssh.SSHKey, monkeypatch: pytest.MonkeyPatch) -> StackOutputs:
    nodes = {
        name: node_output(machine, number).model_copy(
            update={"session": None, "ssh_host": "127.0.0.1", "ssh_port": machine.port}
        )
        for number, (name, machine) in enumerate(made.items())
    }
    found = stack_outputs(nodes, key)
    found = StackOutputs(found.fleet.model_copy(update={"access": {"kind": "direct"}}), found.secrets)
    told = {"fleet": json.loads(found.fleet.model_dump_json())}
    monkeypatch.setattr(AwsStack, "outputs", lambda self: told)
    monkeypatch.setattr(cli.closing, "read_outputs", lambda name, substrate: found)
    return found


def come_in(outputs: StackOutputs, *limit: str, check: bool = False) -> None:
    with node_shells(outputs) as shells:
        open_the_other_way(DEV, outputs, shells, limit, check=check)


def test_the_door_is_not_closed_before_every_agent_runs(made: Machines, outputs: StackOutputs) -> None:
    with pytest.raises(LockoutError) as refused:
        refuse_lockout(STACK)
    assert "ireland-1: the agent does not run" in str(refused.value)
    assert "virginia-1: the agent does not run" in str(refused.value)
    assert "witness-1" not in str(refused.value)
    come_in(outputs)
    refuse_lockout(STACK)
    assert made["ireland-1"].heard == [RUNS, RUNS, installing("eu-west-1"), RUNS]
    assert made["witness-1"].heard == [RUNS, RUNS, RUNS]


def test_a_check_installs_nothing(
    made: Machines, outputs: StackOutputs, capsys: pytest.CaptureFixture[str]
) -> None:
    come_in(outputs, check=True)
    assert "virginia-1: would install Session Manager's agent" in capsys.readouterr().err
    assert made["virginia-1"].heard == [RUNS]


def test_where_it_cannot_be_installed_is_told_and_others_are_not_touched(
    made: Machines, outputs: StackOutputs, capsys: pytest.CaptureFixture[str]
) -> None:
    made["virginia-1"].answer = Computer(mirror=False)
    come_in(outputs, "virginia-1")
    assert (
        "virginia-1: Session Manager's agent could not be installed: exit code 3" in capsys.readouterr().err
    )
    assert made["ireland-1"].heard == []
    with pytest.raises(LockoutError):
        refuse_lockout(STACK)


def test_a_fleet_without_an_open_port_is_not_asked(
    made: Machines, outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AwsStack, "outputs", lambda self: {"fleet": {"access": {"kind": "session-manager"}}})
    refuse_lockout(STACK)
    monkeypatch.setattr(AwsStack, "outputs", lambda self: {})
    refuse_lockout(STACK)  # a new one
    assert not any(machine.heard for machine in made.values())


@pytest.mark.parametrize(("runs", "asked"), [(True, []), (False, ["curl", "dpkg", "systemctl"])])
def test_the_command_changes_nothing_where_the_agent_runs(
    tmp_path: Path, runs: bool, asked: list[str]
) -> None:
    calls = tmp_path / "calls"
    for name in ("curl", "dpkg"):
        put(tmp_path / name, f"echo {name} >> {calls}")
    put(tmp_path / "systemctl", f'[ "$1" = is-active ] && exit {0 if runs else 3}; echo systemctl >> {calls}')
    variables = {"PATH": f"{tmp_path}:/bin"}
    done = subprocess.run(["/bin/sh", "-c", installing("eu-west-1")], env=variables, check=False)
    assert done.returncode == 0
    assert (calls.read_text().split() if calls.exists() else []) == asked


def put(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
