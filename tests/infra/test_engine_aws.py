"""A fleet on AWS under the real engine, through the command line, from its first run to its last.

Killed and taken up, configured from its outputs, planned, judged, held to the plan, one node replaced, an
address moved, taken down as documented.
"""

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
from fleet.inventory import Outputs, Secrets
from fleet.spec.load import load_environment
from infra.aws_stack import AwsStack
from infra.engine.leftovers import remove_torn_attributes
from infra.engine.urns import urn_in
from infra.recovery.model import RecoveryError
from infra.recovery.settling import unsettled_after_a_bad_end
from lab.aws.server.app import serving
from tests.aws.account import left
from tests.infra.aws_engine import FOUNDATION, NAME, REGIONS, AwsFleet
from tests.infra.aws_images import share_image
from tests.infra.aws_killed import Held, end_processes, start_engine, start_mtafleet, surroundings
from tests.infra.aws_shown import bound, elastic_ips, in_account, in_states, instances, records, ttls

pytestmark = pytest.mark.engine

ADDRESS = "10.10.0.11"
WARM = "10.10.0.21"
KEPT = {"addresses", "volumes", "zones", "keys", "buckets", "topics"}
"""What outlives the machines."""
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
    """Both stacks upon an Elastic IP that the account had, each made by a killed run and one that took it up.

    The first was somebody's plain engine, so that its lock takes a word; the second was our own.
    """
    faults = tmp_path_factory.mktemp("faults") / "faults.json"
    with serving(faults) as server:
        made = AwsFleet.make(tmp_path_factory.mktemp("aws"), server)
        had = made.ec2("us-east-1").allocate_address(Domain="vpc")
        (made.folder / "had").write_text(f"{had['AllocationId']} {had['PublicIp']}")
        zones = "      - us-east-1a\n      - us-east-1b\n"
        made.edit(zones, f"{zones}      existing:\n        {WARM}: {had['AllocationId']}\n")
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


def warm(fleet: AwsFleet) -> tuple[str, str]:
    """The id of the Elastic IP that the account had, and itself."""
    allocation, public = (fleet.folder / "had").read_text().split()
    return allocation, public


def test_the_warm_address_was_taken_over_and_bound(fleet: AwsFleet) -> None:
    allocation, public = warm(fleet)
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

    fleet.run("config", "rm", "mtafleet:replacing", "--stack", NAME)
    urn = urn_in(fleet.run("stack", "export", "--stack", NAME).text, MACHINE_TYPES["aws"], "virginia-1")
    assert urn is not None
    shown = run(fleet, "up", "--target-replace", urn, "--target-dependents")  # whatever its image
    (row,) = [line for line in shown.splitlines() if MACHINE in line]
    assert "replaced" in row
    assert "virginia-1" in row
    assert "4 replaced" in shown  # the machine, what is bound to its interface, its queue's attachment
    after = nodes(fleet)
    assert after["virginia-1"]["instance"] != before["virginia-1"]["instance"]
    assert after["virginia-1"]["session"]["instance"] == after["virginia-1"]["instance"]
    assert after["ireland-1"] == before["ireland-1"]
    assert after["virginia-1"]["public"] == before["virginia-1"]["public"]
    assert bound(fleet, WARM) == warm(fleet)[1]


def test_an_address_keeps_its_elastic_ip_when_its_private_one_changes(fleet: AwsFleet) -> None:
    """And machines keep their images: the pinned ones are for new machines, and those that are named."""
    allocation, public = warm(fleet)
    moved = "10.10.0.77"
    fleet.edit(f"      - {WARM}\n", f"      - {moved}\n")
    fleet.edit(
        f"        {WARM}: {allocation}\n",
        f"        {moved}: {allocation}\n      moved:\n        {moved}: {WARM}\n",
    )
    before = instances(fleet)
    assert {*before.values()} - {OTHER_IMAGE}, "no machine has another image than the pinned one"
    assert set(fleet.up(FOUNDATION).counts) == {"unchanged"}
    fleet.up(NAME)
    assert bound(fleet, moved) == public
    assert instances(fleet) == before


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


def destroy(fleet: AwsFleet, *arguments: str) -> None:
    CliRunner().invoke(mtafleet, ["destroy", str(fleet.file), "--yes", *arguments], catch_exceptions=False)


def test_taken_down_as_documented_it_leaves_an_empty_account(fleet: AwsFleet) -> None:
    """In the order of docs/aws.md: machines, and the foundation only once it has been unprotected."""
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
