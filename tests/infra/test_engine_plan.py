"""Plans under the real engine, through the command line: understood, and judged before `up`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import cli as mtafleet
from cli.plan import PlanRefusedError
from lab.aws.server.app import serving
from tests.infra.aws_engine import FOUNDATION, NAME, REGIONS, AwsFleet
from tests.infra.aws_images import share_image

pytestmark = pytest.mark.engine

ADDRESS = "10.10.0.21"
MACHINE = "aws:ec2:Instance"
OTHER_IMAGE = "ami-0fffffffffffffff0"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsFleet]:
    with serving(tmp_path_factory.mktemp("faults") / "faults.json") as server:
        made = AwsFleet.make(tmp_path_factory.mktemp("aws"), server)
        made.up(FOUNDATION)
        made.up(NAME)
        yield made


@pytest.fixture(autouse=True)
def _surroundings(fleet: AwsFleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An operator's own: backend, passphrase and home of the test, the stand-in on PATH."""
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    for name, value in {**fleet.environment, **credentials}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("infra.aws_stack.project_root", lambda: fleet.folder / "project")
    monkeypatch.setattr("cli.runs.state_directory", lambda environment: tmp_path / environment)


def run(fleet: AwsFleet, command: str, *arguments: str) -> str:
    """The output of a command that succeeds."""
    done = CliRunner().invoke(mtafleet, [command, str(fleet.file), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(fleet: AwsFleet, command: str, *arguments: str) -> tuple[str, str]:
    """The output of a command that refuses its plan, and why it does."""
    done = CliRunner().invoke(mtafleet, [command, str(fleet.file), *arguments])
    assert isinstance(done.exception, PlanRefusedError), done.exception
    return done.stdout, str(done.exception)


def nodes(fleet: AwsFleet) -> dict[str, Any]:
    found: dict[str, Any] = fleet.outputs(NAME)["fleet"]["nodes"]
    return found


def test_one_machine_may_be_replaced_and_not_two(fleet: AwsFleet) -> None:
    before = nodes(fleet)
    for region in REGIONS:
        share_image(region, OTHER_IMAGE, "debian-13-amd64-20260901-2222")
    updated = CliRunner().invoke(mtafleet, ["image", "update", str(fleet.file)], catch_exceptions=False)
    assert "dev: 3 pinned" in updated.output
    for ordinal, name in enumerate(("virginia-1", "ireland-1")):
        fleet.configure(NAME, f"mtafleet:replacing[{ordinal}]", name)
    _shown, why = refused(fleet, "up")
    assert "2 machines would be replaced, removed or stopped in one run: ireland-1, virginia-1" in why
    assert nodes(fleet) == before

    fleet.run("config", "rm", "--path", "mtafleet:replacing[1]", "--stack", NAME)
    shown = run(fleet, "up")
    (row,) = [line for line in shown.splitlines() if MACHINE in line]
    assert "replaced" in row
    assert "virginia-1" in row
    assert "ami" in row
    assert "4 replaced" in shown  # the machine, what is bound to its interface, its queue's attachment
    after = nodes(fleet)
    assert after["virginia-1"]["instance"] != before["virginia-1"]["instance"]
    assert after["virginia-1"]["session"]["instance"] == after["virginia-1"]["instance"]
    assert after["ireland-1"] == before["ireland-1"]


def test_an_address_is_not_replaced_whether_protected_or_not(fleet: AwsFleet) -> None:
    addresses = elastic_ips(fleet)
    urn = f"urn:pulumi:{FOUNDATION}::mtafleet::mtafleet:aws:Addresses$aws:ec2/eip:Eip::{ADDRESS}"
    replacing = ("--part", "foundation", "--replace", urn)
    wanted = f"the address `{ADDRESS}` would be replaced"
    shown, why = refused(fleet, "plan", "--json", *replacing)  # by the engine: it is protected
    assert wanted in why
    assert not json.loads(shown)["allowed"]

    assert fleet.run("state", "unprotect", urn, "--yes", "--stack", FOUNDATION).status == 0
    _shown, why = refused(fleet, "up", *replacing)
    assert wanted in why
    assert elastic_ips(fleet) == addresses


def elastic_ips(fleet: AwsFleet) -> set[str]:
    listed = fleet.ec2("us-east-1").describe_addresses()["Addresses"]
    return {one["AllocationId"] for one in listed}
