"""What is found before the first session: plugin, credentials, rights, machines that are not connected."""

import json
import re
import socket
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cli.access import prepare_shells
from fleet.inventory import NodeOutput
from fleet.paths import project_root
from infra.sessions.check import check_sessions
from infra.sessions.client import ssm
from infra.sessions.errors import OutOfReachError, SessionError, explained
from infra.sessions.plugin import require_plugin
from infra.sessions.proxy import DOCUMENT
from tests.sessions.conftest import Behind, put_plugin
from tests.sessions.fake_ssm import Refusal


def nodes_of(behind: Behind) -> dict[str, NodeOutput]:
    return behind.outputs.fleet.nodes


def test_nothing_is_wrong_with_a_fleet_that_is_connected(behind: Behind) -> None:
    assert check_sessions(nodes_of(behind)) == {}
    assert sorted(region for region, _, _ in behind.ssm.asked) == ["eu-west-1", "us-east-1", "us-east-2"]


def test_machines_without_a_connection_are_named(behind: Behind, capsys: pytest.CaptureFixture[str]) -> None:
    lost, unheard = behind.instance("virginia-1"), behind.instance("ireland-1")
    behind.ssm.states[lost] = "ConnectionLost"
    del behind.ssm.states[unheard]
    prepare_shells("dev", behind.outputs.fleet)
    first, second = sorted(capsys.readouterr().err.splitlines())
    assert first.startswith(f"ireland-1: {unheard} in eu-west-1 is not connected to Session Manager: ")
    assert second.startswith(f"virginia-1: {lost} in us-east-1 is not connected to Session Manager: ")


def test_a_fleet_of_which_nothing_is_connected_is_an_error(behind: Behind) -> None:
    behind.ssm.states.clear()
    with pytest.raises(SessionError, match="no node can be reached through Session Manager: i-0"):
        check_sessions(nodes_of(behind))


def test_a_region_that_does_not_answer_costs_its_own_nodes_only(behind: Behind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"

    def client(region: str) -> Any:
        if region != "us-east-1":
            return ssm(region)
        once = Config(retries={"total_max_attempts": 1})
        return boto3.session.Session().client("ssm", region_name=region, endpoint_url=nowhere, config=once)

    found = check_sessions(nodes_of(behind), client)
    assert found.keys() == {"virginia-1"}
    assert found["virginia-1"].startswith("Session Manager of us-east-1 does not answer: ")


def test_a_missing_plugin_is_found_first(behind: Behind) -> None:
    (behind.bin / "session-manager-plugin").unlink()
    with pytest.raises(SessionError, match="`session-manager-plugin` is not on PATH: https://docs"):
        check_sessions(nodes_of(behind))
    assert not behind.ssm.asked


@pytest.mark.parametrize("version", ["1.2.497.0", "1.1.9", "nonsense", ""])
def test_a_plugin_that_shows_the_token_is_refused(behind: Behind, version: str) -> None:
    put_plugin(behind.bin, behind.record, version)
    with pytest.raises(SessionError, match="show a session's token to every user of this machine"):
        check_sessions(nodes_of(behind))
    assert not behind.ssm.asked


@pytest.mark.parametrize("version", ["1.2.536.0", "1.2.498", "2.0"])
def test_later_plugins_are_taken(behind: Behind, version: str) -> None:
    put_plugin(behind.bin, behind.record, version)
    require_plugin()


def test_a_plugin_that_does_not_run_is_named(behind: Behind) -> None:
    (behind.bin / "session-manager-plugin").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(SessionError, match=r"session-manager-plugin does not run: .* exit status 1"):
        check_sessions(nodes_of(behind))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": None}, "Unable to locate credentials; log in"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_PROFILE": "nobody"}, r"\(nobody\) could not be found; log in"),
    ],
)
def test_missing_credentials_are_told(
    behind: Behind, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str | None], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    if "AWS_PROFILE" not in variables:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SessionError, match=f"no AWS credentials can be used from here: .*{said}"):
        check_sessions(nodes_of(behind))
    assert not behind.ssm.asked


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDeniedException", r"AWS refuses ssm:DescribeInstanceInformation in .*: why; docs/aws\.md"),
        ("ExpiredTokenException", "AWS does not accept the credentials used here: why; log in"),
    ],
)
def test_what_concerns_all_regions_ends_the_command(behind: Behind, code: str, said: str) -> None:
    behind.ssm.refusals.append(Refusal("DescribeInstanceInformation", code, "why"))
    with pytest.raises(SessionError, match=said):
        check_sessions(nodes_of(behind))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "ThrottlingException",
            "AWS throttles ssm:StartSession in us-east-1: why; repeat the command in a minute",
        ),
        ("InternalServerError", "AWS fails at ssm:StartSession in us-east-1: InternalServerError: why"),
    ],
)
def test_what_passes_is_no_mistake_of_the_operators(code: str, said: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "why"}}, "StartSession")
    found = explained(error, "us-east-1", "i-1")
    assert isinstance(found, OutOfReachError)
    assert str(found) == said


def test_outputs_of_an_older_version_are_told_from_new_ones(behind: Behind) -> None:
    nodes = nodes_of(behind)
    nodes["ireland-1"] = nodes["ireland-1"].model_copy(update={"session": None})
    with pytest.raises(SessionError, match="do not name the instance of ireland-1: run `mtafleet up` once"):
        check_sessions(nodes)


def test_the_documented_rights_are_those_that_are_used() -> None:
    page = (project_root() / "docs" / "aws.md").read_text()
    (block,) = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    statements = json.loads(block)["Statement"]
    allowed = {
        action
        for one in statements
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    assert {"ssm:DescribeInstanceInformation", "ssm:StartSession"} <= allowed
    assert any(one["Resource"].endswith(f":document/{DOCUMENT}") for one in statements)
    own = next(one for one in statements if ":session/" in one["Resource"])
    assert own["Resource"].endswith(":session/${aws:userid}-*")
    # What the plugin asks of AWS itself, as AWS's sample policies have it.
    assert set(own["Action"]) == {"ssm:TerminateSession", "ssm:ResumeSession", "ssmmessages:OpenDataChannel"}
    (tag,) = [one["Condition"]["StringEquals"] for one in statements if "Condition" in one]
    assert list(tag) == ["ssm:resourceTag/mtafleet-environment"], "the tag that every machine bears"
