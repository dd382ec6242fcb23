"""What recovery finds in a simulated AWS is what the provider made: the same ids, nobody else's things."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.recovery.account import Account
from infra.recovery.chosen import Chosen, LeftOut
from infra.recovery.judge import judge
from infra.recovery.kinds import LOOKS, by_id
from infra.recovery.lookup import verdicts
from infra.recovery.model import Pending, RecoveryError, Verdict
from infra.recovery.settling import SETTLE_SECONDS
from infra.recovery.state import taken_up
from lab.aws.config import ACCOUNT
from lab.aws.server.app import Server
from tests.aws.driver import Driver, Made
from tests.aws.recovery_world import REGION, TAGS, world
from tests.aws.tokens import (
    ALIAS,
    ATTACHED_VOLUME,
    EIP,
    EIP_ON,
    KEY,
    RECORD,
    ROUTE,
    TABLE_OF_SUBNET,
    TOPIC,
    VOLUME,
    VPC,
    ZONE,
)

PROVIDER = "urn:pulumi:dev::mtafleet::pulumi:providers:aws::east"


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


def test_each_is_found_until_it_is_gone(aws: Server, east: Driver) -> None:
    """Under the id that its provider gave it: by what it is, and by that id when the operator names it."""
    made = world(east)
    account = Account()
    found = {(one.token, one.name): looked_up(one, account) for one in made}
    assert {key: (one.fate, one.id) for key, one in found.items()} == {
        (one.token, one.name): ("adopt", one.id) for one in made
    }
    assert {one.token for one in made} == LOOKS.keys()
    for one in made:
        named = by_id(account, pending(one), one.id)
        assert named is not None, one
        assert (named.id, named.differs) == (one.id, ()), one
    for one in reversed(east.seen):
        east.delete(one)
    for one in made:
        if one.token not in {ALIAS, RECORD, ROUTE, TABLE_OF_SUBNET, ATTACHED_VOLUME, EIP_ON}:
            assert looked_up(one, account).fate == "forget", one


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


def chosen_for(identity: str, *, anyway: bool = False) -> Verdict:
    """What becomes of the pending Elastic IP when the operator names this one for it."""
    words = frozenset({ADDRESS.urn}) if anyway else frozenset[str]()
    chosen = Chosen({ADDRESS.urn: identity}, words)
    (found,) = verdicts(state(ADDRESS, LONG_AGO), ACCOUNT, Account(), chosen, never)
    return found


def test_what_the_operator_names_is_looked_at(aws: Server, east: Driver) -> None:
    """Also when nothing of it is found by name."""
    ours = east.create(EIP, "one", {"domain": "vpc", "tags": TAGS})
    assert (chosen_for(ours.id).fate, chosen_for(ours.id).id) == ("adopt", ours.id)
    gone = chosen_for("eipalloc-0123456789abcdef0", anyway=True)
    assert gone.fate == "doubtful"
    assert f"AWS has no such {EIP} in {REGION}" in gone.why
    volume = east.create(VOLUME, "one", {"availabilityZone": f"{REGION}a", "size": 8, "tags": TAGS})
    assert chosen_for(volume.id, anyway=True).fate == "doubtful"


def test_what_differs_takes_a_word_of_its_own(aws: Server, east: Driver) -> None:
    bare = east.create(EIP, "bare", {"domain": "vpc", "tags": {"Name": "warm"}})
    found = chosen_for(bare.id)
    assert found.fate == "doubtful"
    assert "has the tag Name=warm instead of the tag Name=dev-one" in found.why
    assert "has no tag mtafleet-environment instead of the tag mtafleet-environment=dev" in found.why
    assert "--adopt-anyway" in found.why
    assert chosen_for(bare.id, anyway=True).fate == "adopt"


def test_what_the_state_has_under_another_name_is_not_adopted_twice(aws: Server, east: Driver) -> None:
    ours = east.create(EIP, "one", {"domain": "vpc", "tags": TAGS})
    document = state(ADDRESS, LONG_AGO)
    other = {"urn": f"{ADDRESS.urn}-other", "type": EIP, "id": ours.id}
    document["deployment"]["resources"].append(other)
    chosen = Chosen({ADDRESS.urn: ours.id}, frozenset({ADDRESS.urn}))
    (found,) = verdicts(document, ACCOUNT, Account(), chosen, never)
    assert (found.fate, "has as something else" in found.why) == ("doubtful", True)


def test_what_is_to_be_forgotten_needs_no_look(aws: Server, inject: Callable[..., None]) -> None:
    inject({"fault": "denied", "service": "*"})
    chosen = Chosen({ADDRESS.urn: None})
    (found,) = verdicts(state(ADDRESS, LONG_AGO), ACCOUNT, Account(), chosen, never)
    assert found.fate == "forget"


def elsewhere(document: dict[str, Any]) -> Pending:
    """The same Elastic IP pending in a second region, too."""
    provider = PROVIDER.replace("east", "aws-oregon")
    urn = ADDRESS.urn.replace("one", "two")
    inputs = {"tags": {**TAGS, "Name": "dev-two"}}
    deployment = document["deployment"]
    deployment["resources"].append(
        {"urn": provider, "type": "pulumi:providers:aws", "id": "uuid", "inputs": {"region": "us-west-2"}}
    )
    resource = {"urn": urn, "type": EIP, "inputs": inputs, "provider": f"{provider}::uuid"}
    deployment["pending_operations"].insert(0, {"resource": resource, "type": "creating"})
    return Pending(urn, "creating", inputs, "us-west-2", f"{provider}::uuid")


@pytest.mark.parametrize(
    "left_out",
    [
        LeftOut(frozenset({"us-west-2"})),
        LeftOut(frozenset({"oregon"})),
        LeftOut.of(["--refresh", "--exclude", "**::aws-oregon"]),
        LeftOut.of([f"--exclude={ADDRESS.urn.replace('one', 'two')}"]),
        LeftOut(only="east"),
    ],
)
def test_a_region_that_is_left_out_stays_pending_and_stops_nothing(
    aws: Server, east: Driver, inject: Callable[..., None], left_out: LeftOut
) -> None:
    """Its API is dead, STS there included."""
    made = east.create(EIP, "one", {"domain": "vpc", "tags": TAGS})
    inject({"fault": "denied", "region": "us-west-2"})
    document = state(ADDRESS, LONG_AGO)
    document["deployment"]["resources"][0]["urn"] = PROVIDER.replace("east", "aws-east")
    (begun,) = document["deployment"]["pending_operations"]
    begun["resource"]["provider"] = f"{PROVIDER.replace('east', 'aws-east')}::uuid"
    elsewhere(document)
    with pytest.raises(RecoveryError, match="cannot be asked in us-west-2"):
        verdicts(document, ACCOUNT, Account(), Chosen(), never)
    found = verdicts(document, ACCOUNT, Account(), Chosen(left_out=left_out), never)
    assert [(one.fate, one.id) for one in found] == [("leave", ""), ("adopt", made.id)]
    fresh = taken_up(document, found)["deployment"]
    assert [one["resource"]["inputs"]["tags"]["Name"] for one in fresh["pending_operations"]] == ["dev-two"]
    assert fresh["resources"][-1]["id"] == made.id


def test_the_account_is_asked_for_in_a_region_that_lives(aws: Server, inject: Callable[..., None]) -> None:
    inject({"fault": "denied", "region": "us-west-2"})
    Account().require(ACCOUNT, ["us-west-2", REGION])
    with pytest.raises(RecoveryError, match="cannot be asked in us-west-2"):
        Account().require(ACCOUNT, ["us-west-2"])


def test_an_account_that_is_not_the_fleets_shows_nothing(aws: Server) -> None:
    with pytest.raises(RecoveryError, match=f"AWS account {ACCOUNT}, the environment is in 999999999999"):
        verdicts(state(ADDRESS, LONG_AGO), "999999999999", Account(), Chosen(), never)


def test_an_api_that_does_not_answer_is_no_proof(aws: Server, inject: Callable[..., None]) -> None:
    inject({"fault": "denied", "service": "ec2", "operation": "DescribeAddresses"})
    with pytest.raises(RecoveryError, match=r"cannot be asked in us-east-1.*describe_addresses"):
        verdicts(state(ADDRESS, LONG_AGO), ACCOUNT, Account(), Chosen(), never)


def test_what_is_gone_is_no_dead_region(aws: Server, east: Driver) -> None:
    """What a pending creation was to be part of may have been deleted by hand."""
    route = {"routeTableId": "rtb-0123456789abcdef0", "destinationCidrBlock": "0.0.0.0/0"}
    assert looked_up(Made(ROUTE, "one", "", route, {})).fate == "forget"
    record = {"zoneId": "Z0123456789ABC", "name": "mail.example", "type": "A", "records": ["192.0.2.1"]}
    assert looked_up(Made(RECORD, "one", "", record, {})).fate == "forget"
    device = {"volumeId": "vol-0123456789abcdef0", "instanceId": "i-1", "deviceName": "/dev/sdf"}
    assert looked_up(Made(ATTACHED_VOLUME, "one", "", device, {})).fate == "forget"


@pytest.mark.parametrize("operation", ["DescribeKey", "ListResourceTags"])
def test_a_strangers_key_that_may_not_be_looked_at_hides_none_of_ours(
    aws: Server, east: Driver, inject: Callable[..., None], operation: str
) -> None:
    """KMS lists the keys of the whole account, the oldest first here, whoever may look at them."""
    aws.client("kms").create_key(Description="a stranger's")
    made = east.create(KEY, "one", {"description": "Disks", "tags": TAGS})
    inject({"fault": "denied", "service": "kms", "operation": operation, "times": 1})
    assert looked_up(made).id == made.id


def test_a_key_of_ours_that_may_not_be_looked_at_is_not_made_again(
    aws: Server, east: Driver, inject: Callable[..., None]
) -> None:
    made = east.create(KEY, "one", {"description": "Disks", "tags": TAGS})
    east.create(ALIAS, "one", {"name": "alias/mtafleet-dev-one", "targetKeyId": made.id})
    inject({"fault": "denied", "service": "kms", "operation": "DescribeKey"})
    found = looked_up(made)
    assert found.fate == "doubtful"
    assert "has our alias alias/mtafleet-dev-one" in found.why


def test_types_that_cannot_be_looked_up_are_doubtful(aws: Server) -> None:
    strange = Pending("urn:pulumi:dev::mtafleet::aws:sqs/queue:Queue::one", "creating", {}, REGION)
    (found,) = verdicts(state(strange, LONG_AGO), ACCOUNT, Account(), Chosen(), never)
    assert found.fate == "doubtful"
    assert found.candidates == ()
