"""`mtafleet` on a fleet behind Session Manager: commands, and Ansible's own way to the nodes."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner

import cli.rendering
import cli.status
from cli.main import cli as mtafleet
from fleet.inventory import NodeModel, Secrets, node_models
from fleet.paths import project_root
from fleet.render import TreeFile
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.configure import NodeReport, Request, configure
from infra.outputs import StackOutputs
from infra.sessions.errors import SessionError
from tests.configure.conftest import private_key
from tests.sessions.conftest import Behind


class Silent:
    def started(self, node: str, role: str, task: str) -> None:
        """Nothing is shown."""

    def finished(self, node: NodeReport, role: str, task: str) -> None:
        """Nothing is shown."""


def status(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    def read(environment: str, *, substrate: str) -> StackOutputs:
        assert (environment, substrate) == ("dev", "aws")
        return behind.outputs

    monkeypatch.setattr(cli.status, "read_outputs", read)
    done = CliRunner().invoke(mtafleet, ["status", "dev", "--json"], catch_exceptions=False)
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def test_status_asks_every_daemon_and_shows_which_cannot_be_reached(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, machine in behind.machines.items():
        told = json.dumps({"node": name, "doubt": None, "nodes": {}, "pools": {}})
        machine.answer = partial(lambda said, _command: (said, 0), told)
    behind.ssm.states[behind.instance("ireland-1")] = "ConnectionLost"
    found = status(behind, monkeypatch)
    said = {name: known and known["node"] for name, known in found["daemons"].items()}
    assert said == {"virginia-1": "virginia-1", "witness-1": "witness-1", "ireland-1": None}
    assert behind.machines["witness-1"].heard == [cli.status.ASK_DAEMON]
    (lost,) = [line["daemon"] for line in found["nodes"] if line["node"] == "ireland-1"]
    assert lost.startswith(f"{behind.instance('ireland-1')} in eu-west-1 is not connected to Session Manager")
    assert found["dns"] == [], "Route 53 answers for a fleet on AWS: no name server of its own is asked"


def test_without_the_plugin_commands_stop_before_they_begin(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    (behind.bin / "session-manager-plugin").unlink()
    with pytest.raises(SessionError, match="not on PATH"):
        status(behind, monkeypatch)
    assert not any(machine.connections for machine in behind.machines.values())


def test_a_check_says_why_nothing_is_compared(behind: Behind) -> None:
    assert cli.rendering.why_out_of_reach("dev", "aws", behind.outputs) == ""
    behind.ssm.states.clear()
    reason = cli.rendering.why_out_of_reach("dev", "aws", behind.outputs)
    assert reason.startswith("no node can be reached through Session Manager: ")


@pytest.fixture
def models(behind: Behind) -> dict[str, NodeModel]:
    fleet = Fleet.of(load_environment("dev"))
    known = behind.outputs.secrets.model_dump()
    known["dkim"] = {
        name: dict.fromkeys((domain.dkim_selectors.active, domain.dkim_selectors.standby), private_key())
        for name, domain in fleet.environment.domains.items()
    }
    known["users"] = dict.fromkeys(fleet.environment.users, "correct-horse-battery-staple")
    return node_models(fleet, behind.outputs.fleet, Secrets.model_validate(known))


def test_ansible_goes_the_same_way(behind: Behind, models: dict[str, NodeModel]) -> None:
    """One machine is reached and refuses all work, one is not connected, one is another than it should be."""
    behind.machines["virginia-1"].answer = lambda _: ("", 1)
    behind.ssm.states[behind.instance("ireland-1")] = "ConnectionLost"
    nodes = behind.outputs.fleet.nodes
    other = {"host_key": nodes["virginia-1"].host_key}
    nodes["witness-1"] = nodes["witness-1"].model_copy(update=other)
    software = {"software": lambda _: [TreeFile("/opt/mtafleet/lib/module.py", "pass\n")]}
    report = configure(Request(project_root(), models, hooks=software), Silent())
    said = {name: node.failures[-1].message for name, node in report.nodes.items()}

    assert said["virginia-1"] == "not reachable over SSH", "Ansible's word for what it cannot begin with"
    machine = behind.machines["virginia-1"]
    assert "mkdir" in machine.heard[0]
    assert machine.heard[-1] == "rm -rf /run/mtafleet-ansible", "what it may have left is taken away"
    assert machine.connections == behind.ssm.started(behind.instance("virginia-1")) == 1
    assert said["ireland-1"].startswith(
        f"{behind.instance('ireland-1')} in eu-west-1 is not connected to Session Manager"
    )
    assert report.nodes["witness-1"].unreachable
    assert behind.machines["witness-1"].connections
    assert not behind.machines["witness-1"].heard
