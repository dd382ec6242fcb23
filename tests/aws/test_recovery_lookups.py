"""What recovery finds in a simulated AWS is what the provider made: the same ids, nobody else's things."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.recovery.account import Account
from infra.recovery.judge import judge
from infra.recovery.kinds import LOOKS
from infra.recovery.lookup import SETTLE_SECONDS, Chosen, verdicts
from infra.recovery.model import Pending, RecoveryError, Verdict
from infra.recovery.planned import strays, with_planned
from infra.recovery.state import taken_up
from lab.aws.config import ACCOUNT
from lab.aws.server.app import Server
from tests.aws.driver import Driver, Made
from tests.aws.tokens import (
    ALIAS,
    ATTACHED_VOLUME,
    BUCKET,
    BUDGET,
    EIP,
    EIP_ON,
    GATEWAY,
    GROUP,
    HEALTH,
    INSTANCE,
    KEY,
    PEERING,
    PROFILE,
    RECORD,
    ROLE,
    ROUTE,
    SUBNET,
    TABLE,
    TABLE_OF_SUBNET,
    TOPIC,
    VOLUME,
    VPC,
    ZONE,
)

REGION = "us-east-1"
PROVIDER = "urn:pulumi:dev::mtafleet::pulumi:providers:aws::east"
TAGS = {"Name": "dev-one", "mtafleet-environment": "dev"}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def pending(made: Made) -> Pending:
    return Pending(f"urn:pulumi:dev::mtafleet::{made.token}::{made.name}", "creating", made.inputs, REGION)


def looked_up(made: Made, account: Account | None = None) -> Verdict:
    """What would become of its creation if the state did not have it."""
    one = pending(made)
    return judge(one, LOOKS[made.token](account or Account(), one), ())


def world(east: Driver) -> list[Made]:
    """One of each type that has to be looked up."""
    made: list[Made] = []

    def born(token: str, inputs: dict[str, Any], *, tags: bool = True, name: str = "one") -> Made:
        named = {"tags": {**TAGS, "Name": f"dev-{name}"}} if tags else {}
        made.append(east.create(token, name, {**inputs, **named}))
        return made[-1]

    vpc = born(VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True})
    other = born(VPC, {"cidrBlock": "10.1.0.0/16"}, name="other")
    gateway = born(GATEWAY, {"vpcId": vpc.id})
    born(TABLE, {"vpcId": vpc.id}, name="spare")
    table = born(TABLE, {"vpcId": vpc.id})
    made.pop()  # will be in use
    born(
        ROUTE,
        {"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway.id},
        tags=False,
    )
    subnet = born(SUBNET, {"vpcId": vpc.id, "availabilityZone": f"{REGION}a", "cidrBlock": "10.0.1.0/24"})
    group = born(GROUP, {"vpcId": vpc.id, "description": "Mail servers"})
    born(PEERING, {"vpcId": vpc.id, "peerVpcId": other.id, "peerRegion": REGION})
    machine = born(
        INSTANCE,
        {
            "ami": "ami-0123456789abcdef0",
            "instanceType": "t3.small",
            "subnetId": subnet.id,
            "privateIp": "10.0.1.10",
            "vpcSecurityGroupIds": [group.id],
        },
    )
    key = born(KEY, {"description": "Disks"})
    born(ALIAS, {"name": "alias/mtafleet-dev", "targetKeyId": key.id}, tags=False)
    born(VOLUME, {"availabilityZone": f"{REGION}a", "size": 20, "type": "gp3", "encrypted": True})
    attached = born(VOLUME, {"availabilityZone": f"{REGION}a", "size": 8, "type": "gp3"}, name="attached")
    made.pop()  # in use, so it cannot be what a pending creation made
    born(
        ATTACHED_VOLUME,
        {"deviceName": "/dev/sdf", "instanceId": machine.id, "volumeId": attached.id},
        tags=False,
    )
    born(EIP, {"domain": "vpc"})
    address = born(EIP, {"domain": "vpc"}, name="bound")
    made.pop()
    interface = machine.state["primaryNetworkInterfaceId"]
    born(
        EIP_ON,
        {"allocationId": address.id, "networkInterfaceId": interface, "privateIpAddress": "10.0.1.10"},
        tags=False,
    )
    zone = born(ZONE, {"name": "mail.example", "comment": "mtafleet dev"})
    check = born(
        HEALTH,
        {
            "type": "TCP",
            "ipAddress": "198.51.100.1",
            "port": 465,
            "requestInterval": 10,
            "failureThreshold": 2,
        },
    )
    whole = {"type": "CALCULATED", "childHealthchecks": [check.id], "childHealthThreshold": 1}
    born(HEALTH, whole, name="whole")
    born(
        RECORD,
        {"zoneId": zone.id, "name": "*.mail.example", "type": "TXT", "ttl": 60, "records": ["v=spf1 -all"]},
        tags=False,
    )
    born(
        RECORD,
        {
            "zoneId": zone.id,
            "name": "submit.mail.example",
            "type": "A",
            "ttl": 5,
            "records": ["198.51.100.1"],
            "setIdentifier": "virginia-1",
            "multivalueAnswerRoutingPolicy": True,
            "healthCheckId": check.id,
        },
        tags=False,
    )
    born(ROLE, {"name": "mtafleet-dev", "assumeRolePolicy": json.dumps({"Statement": []})})
    born(PROFILE, {"name": "mtafleet-dev"})
    born(TOPIC, {"name": "mtafleet-dev-east"})
    born(BUCKET, {"bucket": "evidence-of-dev", "objectLockEnabled": True})
    limit = {"limitAmount": "50", "limitUnit": "USD", "timeUnit": "MONTHLY", "budgetType": "COST"}
    born(BUDGET, {"name": "mtafleet-dev", "accountId": ACCOUNT, **limit}, tags=False)
    born(TABLE_OF_SUBNET, {"subnetId": subnet.id, "routeTableId": table.id}, tags=False)
    return made


def test_each_is_found_under_the_id_that_its_provider_gave_it(aws: Server, east: Driver) -> None:
    made = world(east)
    account = Account()
    found = {(one.token, one.name): looked_up(one, account) for one in made}
    assert {key: (one.fate, one.id) for key, one in found.items()} == {
        (one.token, one.name): ("adopt", one.id) for one in made
    }
    assert {one.token for one in made} == LOOKS.keys()


def test_what_is_not_there_is_not_found(aws: Server, east: Driver) -> None:
    made = world(east)
    for one in reversed(east.seen):
        east.delete(one)
    for one in made:
        if one.token not in {ALIAS, RECORD, ROUTE, TABLE_OF_SUBNET, ATTACHED_VOLUME, EIP_ON}:
            assert looked_up(one).fate == "forget", one


@pytest.mark.parametrize(
    ("token", "inputs", "other"),
    [
        (VOLUME, {"availabilityZone": f"{REGION}a", "size": 20, "tags": TAGS}, {"size": 40}),
        (VPC, {"cidrBlock": "10.0.0.0/16", "tags": TAGS}, {"cidrBlock": "10.9.0.0/16"}),
        (EIP, {"domain": "vpc", "tags": TAGS}, {"tags": {**TAGS, "mtafleet-environment": "staging"}}),
        (ZONE, {"name": "mail.example", "comment": "mine"}, {"comment": "mtafleet dev"}),
        (TOPIC, {"name": "mtafleet-dev", "tags": {"owner": "somebody"}}, {"tags": TAGS}),
    ],
)
def test_what_is_not_quite_it_is_left_to_the_operator(
    aws: Server, east: Driver, token: str, inputs: dict[str, Any], other: dict[str, Any]
) -> None:
    made = east.create(token, "one", inputs)
    found = looked_up(Made(token, "one", "", {**made.inputs, **other}, {}))
    assert found.fate == "doubtful"
    assert found.candidates[0].id == made.id


def test_a_record_that_was_there_before_is_nobodys_to_adopt(aws: Server, east: Driver) -> None:
    zone = east.create(ZONE, "zone", {"name": "mail.example"})
    mine = {"zoneId": zone.id, "name": "mail.example", "type": "MX", "ttl": 60, "records": ["10 a.example"]}
    made = east.create(RECORD, "mx", mine)
    assert (
        looked_up(Made(RECORD, "mx", "", {**made.inputs, "records": ["10 b.example"]}, {})).fate == "doubtful"
    )
    assert looked_up(Made(RECORD, "mx", "", {**made.inputs, "type": "TXT"}, {})).fate == "forget"


def state(one: Pending, age: timedelta) -> dict[str, Any]:
    resource = {"urn": one.urn, "type": one.type, "inputs": one.inputs, "provider": f"{PROVIDER}::uuid"}
    return {
        "deployment": {
            "manifest": {"time": (datetime.now(UTC) - age).isoformat()},
            "resources": [
                {"urn": PROVIDER, "type": "pulumi:providers:aws", "id": "uuid", "inputs": {"region": REGION}}
            ],
            "pending_operations": [{"resource": resource, "type": "creating"}],
        }
    }


def never(seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s")


ADDRESS = Pending("urn:pulumi:dev::mtafleet::aws:ec2/eip:Eip::one", "creating", {"tags": TAGS}, REGION)
LONG_AGO = timedelta(seconds=2 * SETTLE_SECONDS)


def test_what_may_only_not_show_yet_is_waited_for(aws: Server) -> None:
    """An Elastic IP that appears while AWS settles is adopted, not made again."""
    waited: list[float] = []

    def appear(seconds: float) -> None:
        waited.append(seconds)
        labels = [{"Key": key, "Value": value} for key, value in TAGS.items()]
        tagged = [{"ResourceType": "elastic-ip", "Tags": labels}]
        aws.client("ec2").allocate_address(Domain="vpc", TagSpecifications=tagged)

    (found,) = verdicts(state(ADDRESS, timedelta(0)), ACCOUNT, Account(), Chosen(), appear)
    assert found.fate == "adopt"
    assert 0 < waited[0] <= SETTLE_SECONDS
    (found,) = verdicts(state(ADDRESS, timedelta(0)), ACCOUNT, Account(), Chosen(), never)
    assert found.fate == "adopt"


def test_the_operator_has_the_last_word(aws: Server) -> None:
    document = state(ADDRESS, LONG_AGO)
    (found,) = verdicts(document, ACCOUNT, Account(), Chosen({ADDRESS.urn: "eipalloc-7"}), never)
    assert (found.fate, found.id) == ("adopt", "eipalloc-7")
    (found,) = verdicts(document, ACCOUNT, Account(), Chosen({ADDRESS.urn: None}), never)
    assert found.fate == "forget"


def test_an_account_that_is_not_the_fleets_shows_nothing(aws: Server) -> None:
    with pytest.raises(RecoveryError, match=f"AWS account {ACCOUNT}, the environment is in 999999999999"):
        verdicts(state(ADDRESS, LONG_AGO), "999999999999", Account(), Chosen(), never)


def test_an_api_that_does_not_answer_is_no_proof(aws: Server, inject: Callable[..., None]) -> None:
    inject({"fault": "denied", "service": "ec2", "operation": "DescribeAddresses"})
    with pytest.raises(RecoveryError, match=r"cannot be asked in us-east-1.*describe_addresses"):
        verdicts(state(ADDRESS, LONG_AGO), ACCOUNT, Account(), Chosen(), never)


def plan(**inputs: Any) -> dict[str, Any]:
    """As the engine saves it: one Elastic IP to be made with a provider that is there."""
    goal = {
        "type": EIP,
        "name": "one",
        "custom": True,
        "inputDiff": {"adds": {"domain": "vpc", "tags": TAGS, **inputs}},
        "parent": "urn:pulumi:dev::mtafleet::pulumi:pulumi:Stack::mtafleet-dev",
        "protect": True,
        "provider": f"{PROVIDER}::uuid",
    }
    return {"resourcePlans": {ADDRESS.urn: {"goal": goal, "steps": ["create"], "state": {}}}}


def found_strays(document: dict[str, Any], **inputs: Any) -> tuple[Verdict, ...]:
    return strays(with_planned(document, plan(**inputs)), ACCOUNT, Account(), Chosen())


def test_what_no_state_knows_is_found_before_it_is_made_again(aws: Server, east: Driver) -> None:
    """An answer that was lost leaves nothing pending; the plan to make another tells what to look for."""
    document = state(ADDRESS, LONG_AGO)
    assert found_strays(document) == ()
    made = east.create(EIP, "one", {"domain": "vpc", "tags": TAGS})
    (found,) = found_strays(document)
    assert (found.fate, found.id) == ("adopt", made.id)
    fresh = taken_up(with_planned(document, plan()), [found])
    adopted = fresh["deployment"]["resources"][-1]
    assert (adopted["urn"], adopted["id"], adopted["protect"]) == (ADDRESS.urn, made.id, True)
    assert adopted["inputs"]["tags"] == TAGS
    assert found_strays(fresh) == ()


def test_what_is_to_depend_on_something_new_is_none_of_ours(aws: Server, east: Driver) -> None:
    east.create(EIP, "one", {"domain": "vpc", "tags": TAGS})
    (found,) = found_strays(state(ADDRESS, LONG_AGO), address="04da6b54-80e4-46f7-96ec-b56ff0331ba9")
    assert found.fate == "doubtful"


def test_types_that_cannot_be_looked_up_are_doubtful(aws: Server) -> None:
    strange = Pending("urn:pulumi:dev::mtafleet::aws:sqs/queue:Queue::one", "creating", {}, REGION)
    (found,) = verdicts(state(strange, LONG_AGO), ACCOUNT, Account(), Chosen(), never)
    assert found.fate == "doubtful"
    assert found.candidates == ()
