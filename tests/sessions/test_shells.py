"""Commands on nodes through Session Manager: OpenSSH itself, with a stand-in for what lies behind AWS."""

import json
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from fleet.inventory import NodeOutput
from infra.ssh import node_shells
from tests.sessions.conftest import Behind
from tests.sessions.fake_ssm import TOKEN, Refusal

WAIT_SECONDS = 60.0
"""Long enough for any machine: what is waited for happens, or the test fails."""


def test_every_node_is_asked_over_one_session_of_its_own(behind: Behind) -> None:
    with node_shells(behind.outputs) as shells:
        first, second = shells.ask("uptime"), shells.ask("date")
        assert {name: reply.output for name, reply in first.items()} == dict.fromkeys(
            behind.machines, "heard uptime\n"
        )
        assert all(reply.ok for reply in second.values())
    for name, machine in behind.machines.items():
        assert machine.heard == ["uptime", "date"]
        assert machine.connections == behind.ssm.started(behind.instance(name)) == 1
        assert machine.left.wait(WAIT_SECONDS), "the session ends with the command"


def test_a_session_is_asked_for_in_the_nodes_region_and_its_token_is_no_argument(behind: Behind) -> None:
    with node_shells(behind.outputs) as shells:
        assert shells.ask_one("ireland-1", "true").ok
    request = {
        "Target": behind.instance("ireland-1"),
        "DocumentName": "AWS-StartSSHSession",
        "Parameters": {"portNumber": ["22"]},
    }
    assert behind.ssm.asked == [("eu-west-1", "StartSession", request)]
    (carried,) = behind.carried()
    assert carried["token"] == TOKEN
    assert not [word for word in carried["arguments"] if TOKEN in word]
    assert carried["arguments"][1] == "AWS_SSM_START_SESSION_RESPONSE"
    assert (carried["region"], carried["request"]) == ("eu-west-1", request)
    assert carried["endpoint"] == behind.ssm.url


def test_the_plugin_signs_with_the_keys_of_the_profile_that_asked(
    behind: Behind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newer plugins sign the opening of the channel, and do not know every place where boto3 finds keys."""
    keys = {
        "Version": 1,
        "AccessKeyId": "AKIDFOUND",
        "SecretAccessKey": "found",
        "SessionToken": "of the day",
    }
    config = tmp_path / "config"
    config.write_text(f"[profile mail]\ncredential_process = {written(tmp_path / 'login', keys)}\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "mail")
    with node_shells(behind.outputs) as shells:
        assert shells.ask_one("ireland-1", "true").ok
    (carried,) = behind.carried()
    assert carried["keys"] == {
        "AWS_ACCESS_KEY_ID": "AKIDFOUND",
        "AWS_SECRET_ACCESS_KEY": "found",
        "AWS_SESSION_TOKEN": "of the day",
    }


def test_long_lived_keys_reach_the_plugin_without_a_token(behind: Behind) -> None:
    with node_shells(behind.outputs) as shells:
        assert shells.ask_one("ireland-1", "true").ok
    (carried,) = behind.carried()
    assert carried["keys"] == {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


def written(program: Path, keys: dict[str, Any]) -> Path:
    """A program that prints `keys`, as boto3 has them from an identity provider's own."""
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(keys)}\nEND\n")
    program.chmod(0o755)
    return program


def test_a_commands_own_failure_is_told(behind: Behind) -> None:
    behind.machines["ireland-1"].answer = lambda _: ("half\n", 3)
    with node_shells(behind.outputs) as shells:
        reply = shells.ask_one("ireland-1", "work")
    assert (reply.output, reply.exit_code, reply.problem) == ("half\n", 3, "exit code 3")


def test_another_machine_behind_the_same_instance_is_refused(behind: Behind) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    nodes = behind.outputs.fleet.nodes
    nodes["ireland-1"] = nodes["ireland-1"].model_copy(update={"host_key": " ".join(stranger.split()[:2])})
    with node_shells(behind.outputs) as shells:
        reply = shells.ask_one("ireland-1", "true")
    assert reply.problem == "Host key verification failed."
    assert not behind.machines["ireland-1"].heard


def test_a_machine_that_is_not_connected_is_told_and_asked_for_anew_each_time(behind: Behind) -> None:
    instance = behind.instance("virginia-1")
    behind.ssm.states[instance] = "ConnectionLost"
    with node_shells(behind.outputs) as shells:
        problem = shells.ask_one("virginia-1", "true").problem
        assert problem.startswith(f"{instance} in us-east-1 is not connected to Session Manager: ")
        behind.ssm.states[instance] = "Online"
        assert shells.ask_one("virginia-1", "true").ok


def test_a_missing_right_is_told_with_awss_own_words(behind: Behind) -> None:
    said = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: ssm:StartSession"
    behind.ssm.refusals.append(Refusal("StartSession", "AccessDeniedException", said))
    with node_shells(behind.outputs) as shells:
        problem = shells.ask_one("ireland-1", "true").problem
    rights = "docs/aws.md lists the rights that an operator needs"
    assert problem == f"AWS refuses ssm:StartSession in eu-west-1: {said}; {rights}"


def test_throttling_is_waited_out(behind: Behind) -> None:
    throttled = Refusal("StartSession", "ThrottlingException", "Rate exceeded", times=1)
    behind.ssm.refusals.append(throttled)
    with node_shells(behind.outputs) as shells:
        assert shells.ask_one("ireland-1", "true").ok
    assert behind.ssm.started(behind.instance("ireland-1")) == 2


def test_without_the_plugin_no_session_is_begun(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    (behind.bin / "session-manager-plugin").unlink()
    with node_shells(behind.outputs) as shells:
        problem = shells.ask_one("ireland-1", "true").problem
    assert problem.startswith("`session-manager-plugin` is not on PATH: https://docs.aws.amazon.com/")
    assert not behind.ssm.asked


def test_a_replaced_machine_is_found_by_its_new_instance(behind: Behind) -> None:
    """The outputs name it, and its host key stays: that is all it takes."""
    nodes = behind.outputs.fleet.nodes
    behind.ssm.ports["i-new"] = behind.ssm.ports.pop(behind.instance("ireland-1"))
    behind.ssm.states["i-new"] = "Online"
    data = nodes["ireland-1"].model_dump(mode="json")
    session = {"instance": "i-new", "region": "eu-west-1"}
    nodes["ireland-1"] = NodeOutput.model_validate({**data, "ssh_host": "i-new", "session": session})
    with node_shells(behind.outputs) as shells:
        assert shells.ask_one("ireland-1", "true").ok
    assert behind.ssm.started("i-new") == 1
