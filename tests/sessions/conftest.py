"""A small fleet behind Session Manager: machines, AWS's side of it, and the plugin on PATH."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from fleet.inventory import NodeOutput, Outputs, Secrets
from infra.outputs import StackOutputs
from tests.aws_models import share_models
from tests.sessions.fake_ssm import FakeSsm, fake_ssm
from tests.sessions.machine import Machine, machines

share_models()

PLUGIN_VERSION = "1.2.707.0"
REGIONS = {"virginia-1": "us-east-1", "ireland-1": "eu-west-1", "witness-1": "us-east-2"}
"""Of the environment `dev`."""


@dataclass
class Behind:
    """A fleet behind Session Manager."""

    machines: dict[str, Machine]
    ssm: FakeSsm
    outputs: StackOutputs
    bin: Path
    record: Path

    def instance(self, name: str) -> str:
        session = self.outputs.fleet.nodes[name].session
        assert session
        return session.instance

    def carried(self) -> list[dict[str, Any]]:
        """What each run of the plugin was given."""
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def behind(key: asyncssh.SSHKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    record, folder = tmp_path / "carried", tmp_path / "bin"
    folder.mkdir()
    put_plugin(folder, record)
    record.touch()
    with (
        machines(list(REGIONS), key, lambda command: (f"heard {command}\n", 0)) as made,
        fake_ssm() as ssm,
    ):
        nodes = {name: node_output(machine, number) for number, (name, machine) in enumerate(made.items())}
        for name, node in nodes.items():
            assert node.session
            ssm.ports[node.session.instance] = made[name].port
            ssm.states[node.session.instance] = "Online"
        use(monkeypatch, ssm.url, folder, tmp_path)
        yield Behind(made, ssm, stack_outputs(nodes, key), folder, record)


def use(monkeypatch: pytest.MonkeyPatch, url: str, folder: Path, home: Path) -> None:
    """Have this process and its children see `folder` first on PATH, AWS at `url`, and no real account."""
    others = os.environ["PATH"].split(os.pathsep)
    real = [one for one in others if (Path(one) / "session-manager-plugin").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), *(one for one in others if one not in real)]))
    for name in [one for one in os.environ if one.startswith("AWS_")]:
        monkeypatch.delenv(name)
    told = {
        "AWS_ENDPOINT_URL_SSM": url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": str(home / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)


def put_plugin(folder: Path, record: Path, version: str = PLUGIN_VERSION) -> None:
    text = Path(__file__).with_name("plugin.py").read_text()
    text = text.replace("{version}", version).replace("{record}", str(record))
    path = folder / "session-manager-plugin"
    path.write_text(f"#!{sys.executable} -IS\n{text}")
    path.chmod(0o755)


def node_output(machine: Machine, number: int) -> NodeOutput:
    instance = f"i-{number + 1:017x}"
    return NodeOutput.model_validate(
        {
            "role": "witness" if machine.name.startswith("witness") else "mta",
            "site": {"virginia-1": "virginia", "ireland-1": "ireland"}.get(machine.name, "ohio"),
            "address": f"10.1{number}.0.11",
            "ssh_host": instance,
            "host_key": machine.public_key,
            "session": {"instance": instance, "region": REGIONS[machine.name]},
            "queue_volume": None if machine.name.startswith("witness") else f"vol-{number:017x}",
        }
    )


def stack_outputs(nodes: dict[str, NodeOutput], key: asyncssh.SSHKey) -> StackOutputs:
    fleet = Outputs.model_validate(
        {
            "nodes": nodes,
            "access": {"kind": "session-manager"},
            "acme": {"directory": "https://acme.example/dir"},
        }
    )
    secrets = {
        "tsig": {"name": "mtafleet", "algorithm": "hmac-sha256", "secret": "dHNpZw=="},
        "store": "store-secret-for-tests",
        "ssh_private_key": key.export_private_key().decode(),
    }
    return StackOutputs(fleet, Secrets.model_validate(secrets))
