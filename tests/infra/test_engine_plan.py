"""Runs under the real engine, through the command line: killed and taken up, planned, judged, held to it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

import cli.aws
from cli.engine import ProvisioningError
from cli.main import cli as mtafleet
from cli.maintenance.machine import MACHINE_TYPES
from cli.plan import PlanRefusedError
from fleet.spec.load import load_environment
from infra.aws_stack import AwsStack
from infra.engine.leftovers import remove_torn_attributes
from infra.engine.urns import urn_in
from infra.recovery.model import RecoveryError
from infra.recovery.settling import unsettled_after_a_bad_end
from lab.aws.server.app import serving
from tests.infra.aws_engine import FOUNDATION, NAME, REGIONS, AwsFleet
from tests.infra.aws_images import share_image
from tests.infra.aws_killed import Held, end_processes, start_engine, start_mtafleet, surroundings

pytestmark = pytest.mark.engine

ADDRESS = "10.10.0.21"
MACHINE = "aws:ec2:Instance"
IN_FOUNDATION = [
    {"region": "us-east-1", "operation": "AllocateAddress"},
    {"region": "eu-west-1", "operation": "CreateVolume"},
    {"service": "route53", "operation": "POST /2013-04-01/hostedzone"},
]
IN_FLEET = [
    {"region": "us-east-1", "operation": "RunInstances"},
    {"region": "eu-west-1", "operation": "RunInstances"},
]
OTHER_IMAGE = "ami-0fffffffffffffff0"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsFleet]:
    """Both stacks, each brought up by a run that was killed, and another that took it up.

    The first was somebody's plain engine, so that its lock takes a word; the second was our own.
    """
    faults = tmp_path_factory.mktemp("faults") / "faults.json"
    with serving(faults) as server:
        made = AwsFleet.make(tmp_path_factory.mktemp("aws"), server)
        with surroundings(made):
            try:
                Held(made, faults, IN_FOUNDATION).kill(start_engine(made, FOUNDATION))
                with pytest.raises(RecoveryError, match=r"locked by .*--take-over"):
                    run(made, "up", "--part", "foundation")
                (made.folder / "first").write_text(run(made, "up", "--part", "foundation", "--take-over"))
                assert not ended_badly(made)  # nothing has run on this stack yet
                Held(made, faults, IN_FLEET).kill(start_mtafleet(made, "up", str(made.file)))
                assert ended_badly(made)
                (made.folder / "second").write_text(run(made, "up"))
                assert not ended_badly(made)
                yield made
            finally:
                end_processes(made)


def ended_badly(fleet: AwsFleet) -> bool:
    """Whether AWS may not show yet what the last run on the machines' stack asked for, within an hour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra.recovery.settling.SETTLE_SECONDS", 3600.0)
        stack = AwsStack.of(load_environment(str(fleet.file)), "fleet")
        remove_torn_attributes(fleet.folder / "backend/.pulumi/stacks", NAME)  # as every run does first
        return unsettled_after_a_bad_end(stack, stack.exported() or {}) > 0


def run(fleet: AwsFleet, command: str, *arguments: str) -> str:
    """The output of a command that succeeds, what it told of its progress included."""
    done = CliRunner().invoke(mtafleet, [command, str(fleet.file), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(fleet: AwsFleet, command: str, *arguments: str) -> tuple[str, str]:
    """The output of a command that refuses its plan, and why it does."""
    done = CliRunner().invoke(mtafleet, [command, str(fleet.file), *arguments])
    assert isinstance(done.exception, PlanRefusedError), done.exception
    return done.stdout, str(done.exception)


def nodes(fleet: AwsFleet) -> dict[str, Any]:
    found: dict[str, Any] = fleet.outputs(NAME)["fleet"]["nodes"]
    return found


def test_killed_runs_were_taken_up_and_nothing_was_made_twice(fleet: AwsFleet) -> None:
    first, second = ((fleet.folder / name).read_text() for name in ("first", "second"))
    for kind in ("aws:ec2/eip:Eip", "aws:ebs/volume:Volume", "aws:route53/zone:Zone"):
        assert f"adopt    {kind}" in first
    for node in ("virginia-1", "ireland-1"):
        assert f"adopt    aws:ec2/instance:Instance {node}" in second
    assert "processes that a killed run on dev had left" in second
    assert in_account(fleet) == in_states(fleet)
    for stack in (FOUNDATION, NAME):
        assert set(fleet.up(stack, "--refresh").counts) == {"unchanged"}


def in_account(fleet: AwsFleet) -> set[str]:
    """The ids of everything in the account that AWS would have made twice without a word."""
    found: set[str] = set()
    for region in REGIONS:
        ec2 = fleet.ec2(region)
        found |= {one["AllocationId"] for one in ec2.describe_addresses()["Addresses"]}
        found |= {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]}
        spools = [{"Name": "tag:mtafleet-environment", "Values": [NAME]}]
        found |= {one["VolumeId"] for one in ec2.describe_volumes(Filters=spools)["Volumes"]}
        for one in ec2.describe_instances()["Reservations"]:
            found |= {machine["InstanceId"] for machine in one["Instances"]}
    route53 = fleet.server.client("route53")
    found |= {one["Id"].rpartition("/")[2] for one in route53.list_hosted_zones()["HostedZones"]}
    return found | {one["Id"] for one in route53.list_health_checks()["HealthChecks"]}


def in_states(fleet: AwsFleet) -> set[str]:
    """The ids of the same types that the two states have."""
    kinds = ("Eip", "Vpc", "Volume", "Instance", "Zone", "HealthCheck")
    found = set()
    for stack in (FOUNDATION, NAME):
        document = json.loads(fleet.run("stack", "export", "--stack", stack).text)
        assert "pending_operations" not in document["deployment"]
        for one in document["deployment"]["resources"]:
            if one["type"].startswith("aws:") and one["type"].endswith(kinds):
                found.add(one["id"])
    return found


def test_what_changes_after_the_judgement_is_not_applied(
    fleet: AwsFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the preview and the run that applies it, the file is edited."""
    before = fleet.file.read_text()
    answers = ttls(fleet)

    def edited(*given: Any, **named: Any) -> None:
        fleet.edit("dns_ttl_seconds: 30", "dns_ttl_seconds: 31")

    monkeypatch.setattr(cli.aws, "refuse", edited)
    done = CliRunner().invoke(mtafleet, ["up", str(fleet.file)])
    assert isinstance(done.exception, ProvisioningError)
    assert "`violates plan`" in str(done.exception)
    assert ttls(fleet) == answers
    fleet.file.write_text(before)


def ttls(fleet: AwsFleet) -> set[int]:
    """Of every steered answer."""
    route53 = fleet.server.client("route53")
    return {
        one["TTL"]
        for zone in route53.list_hosted_zones()["HostedZones"]
        for one in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        if "SetIdentifier" in one
    }


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
    urn = urn_in(fleet.run("stack", "export", "--stack", NAME).text, MACHINE_TYPES["aws"], "virginia-1")
    assert urn is not None
    shown = run(fleet, "up", "--target-replace", urn, "--target-dependents")  # as `mtafleet replace` does
    (row,) = [line for line in shown.splitlines() if MACHINE in line]
    assert "replaced" in row
    assert "virginia-1" in row
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
