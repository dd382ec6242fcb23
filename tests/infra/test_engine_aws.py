"""A fleet on AWS under the real engine: made, one node replaced, addresses kept, taken down as documented."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.engine import ProvisioningError
from cli.main import cli as mtafleet
from cli.maintenance.machine import MACHINE_TYPES
from fleet.inventory import Outputs, Secrets
from fleet.paths import project_root
from infra.engine.urns import urn_in
from lab.aws.server.app import serving
from tests.aws.account import left
from tests.infra.aws_engine import FOUNDATION, NAME, REGIONS, AwsFleet

pytestmark = pytest.mark.engine

WARM = "10.10.0.21"
KEPT = {"addresses", "volumes", "zones", "keys", "buckets", "topics"}
"""What outlives the machines."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsFleet]:
    """Both stacks, brought up with policy upon an Elastic IP that the account already had."""
    with serving(tmp_path_factory.mktemp("faults") / "faults.json") as server:
        made = AwsFleet.make(tmp_path_factory.mktemp("aws"), server)
        had = made.ec2("us-east-1").allocate_address(Domain="vpc")
        (made.folder / "had").write_text(f"{had['AllocationId']} {had['PublicIp']}")
        zones = "      - us-east-1a\n      - us-east-1b\n"
        made.edit(zones, f"{zones}      existing:\n        {WARM}: {had['AllocationId']}\n")
        policy = ("--policy-pack", str(project_root() / "policy"))
        assert made.up(FOUNDATION, *policy).counts["imported"] == 1
        made.up(NAME, *policy)
        yield made


def bound(fleet: AwsFleet, private: str) -> str:
    """The Elastic IP that AWS has bound to a private address."""
    found = fleet.ec2("us-east-1").describe_addresses()["Addresses"]
    (public,) = (one["PublicIp"] for one in found if one.get("PrivateIpAddress") == private)
    return str(public)


def test_the_warm_address_was_taken_over_and_bound(fleet: AwsFleet) -> None:
    allocation, public = (fleet.folder / "had").read_text().split()
    addresses = fleet.outputs(FOUNDATION)["foundation"]["addresses"]
    assert addresses[WARM] == {"allocation_id": allocation, "public": public}
    assert bound(fleet, WARM) == public


def test_outputs_are_what_configuration_reads(fleet: AwsFleet) -> None:
    document = fleet.outputs(NAME)
    outputs = Outputs.model_validate(document["fleet"])
    secrets = Secrets.model_validate(document["secrets"])
    assert set(outputs.nodes) == {"virginia-1", "ireland-1", "witness-1"}
    assert outputs.nodes["virginia-1"].host_key.startswith("ssh-ed25519 ")
    assert set(secrets.dkim["dev-shop.example"]) == {"s1", "s2"}


def test_every_node_is_rendered_from_the_outputs_without_a_machine(fleet: AwsFleet) -> None:
    """The fleet's stack alone is read: it passes its foundation's secrets on."""
    said = fleet.mtafleet("configure", str(fleet.file), "--check", "--json")
    assert said.status == 0, said.text
    report = json.loads(said.text)
    assert report["compared"] is False
    files = {node: {one["path"] for one in entry["files"]} for node, entry in report["nodes"].items()}
    assert set(files) == {"virginia-1", "ireland-1", "witness-1"}
    assert "/etc/postfix-transactional/main.cf" in files["ireland-1"]
    assert "/etc/mtafleet/signer/keys/dev-shop.example.s1.pem" in files["virginia-1"]
    assert "/etc/mtafleet/failover/config.json" in files["witness-1"]


def test_one_machine_is_replaced_by_its_urn_and_nothing_else(fleet: AwsFleet) -> None:
    """As `mtafleet replace` does it, also when the image is the one it had."""
    before = fleet.outputs(NAME)["fleet"]["nodes"]
    export = fleet.run("stack", "export", "--stack", NAME).text
    urn = urn_in(export, MACHINE_TYPES["aws"], "virginia-1")
    assert urn is not None
    policy = ("--policy-pack", str(project_root() / "policy"))
    counts = fleet.up(NAME, "--target-replace", urn, "--target-dependents", *policy).counts
    # The machine, what is bound to its interface, and its queue's attachment.
    assert counts["replaced"] == 1 + 2 + 1
    assert counts.keys() <= {"replaced", "unchanged"}
    after = fleet.outputs(NAME)["fleet"]["nodes"]
    assert after["virginia-1"]["instance"] != before["virginia-1"]["instance"]
    assert after["virginia-1"]["public"] == before["virginia-1"]["public"]
    assert after["ireland-1"] == before["ireland-1"]
    _allocation, public = (fleet.folder / "had").read_text().split()
    assert bound(fleet, WARM) == public


def test_an_address_keeps_its_elastic_ip_when_its_private_one_changes(fleet: AwsFleet) -> None:
    """And machines keep their images: new ones are for new machines, see `test_engine_plan`."""
    allocation, public = (fleet.folder / "had").read_text().split()
    moved = "10.10.0.77"
    fleet.edit(f"      - {WARM}\n", f"      - {moved}\n")
    fleet.edit(
        f"        {WARM}: {allocation}\n",
        f"        {moved}: {allocation}\n      moved:\n        {moved}: {WARM}\n",
    )
    for region in REGIONS:
        fleet.configure(NAME, f'mtafleet:images["{region}"]', "ami-0fffffffffffffff0")
    before = instances(fleet)
    assert set(fleet.up(FOUNDATION).counts) == {"unchanged"}
    fleet.up(NAME)
    assert bound(fleet, moved) == public
    assert instances(fleet) == before


def instances(fleet: AwsFleet) -> dict[str, str]:
    """The machines that AWS has, each with its image."""
    return {
        one["InstanceId"]: one["ImageId"]
        for region in REGIONS
        for reservation in fleet.ec2(region).describe_instances()["Reservations"]
        for one in reservation["Instances"]
        if one["State"]["Name"] == "running"
    }


def records(fleet: AwsFleet) -> set[tuple[str, str]]:
    """Name and type of every record in the account's zones."""
    route53 = fleet.server.client("route53")
    return {
        (one["Name"], one["Type"])
        for zone in route53.list_hosted_zones()["HostedZones"]
        for one in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    }


def destroy(fleet: AwsFleet, *arguments: str) -> None:
    CliRunner().invoke(mtafleet, ["destroy", str(fleet.file), "--yes", *arguments], catch_exceptions=False)


def test_taken_down_as_documented_it_leaves_an_empty_account(
    fleet: AwsFleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the order of docs/aws.md: machines, and the foundation only once it has been unprotected."""
    for name, value in fleet.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("infra.aws_stack.project_root", lambda: fleet.folder / "project")
    for user in ("cli.runs", "cli.recovery", "cli.maintenance.records"):
        monkeypatch.setattr(f"{user}.state_directory", lambda environment: tmp_path / environment)

    with pytest.raises(ProvisioningError, match="stands upon its foundation"):
        destroy(fleet, "--part", "foundation")
    destroy(fleet)
    kept = left(fleet.server, REGIONS)
    assert {kind.rpartition(" ")[2] for kind in kept} == KEPT
    answers = records(fleet)
    plain = fleet.run("destroy", "--stack", FOUNDATION, "--yes", "--skip-preview")
    assert plain.status != 0
    assert "cannot be deleted" in plain.text
    assert (left(fleet.server, REGIONS), records(fleet)) == (kept, answers)
    with pytest.raises(ProvisioningError, match="nothing was removed"):
        destroy(fleet, "--part", "foundation")
    assert left(fleet.server, REGIONS) == kept
    assert fleet.run("state", "unprotect", "--all", "--stack", FOUNDATION, "--yes").status == 0
    destroy(fleet, "--part", "foundation")
    assert left(fleet.server, REGIONS) == {}
