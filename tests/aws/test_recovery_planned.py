"""What a plan would make although AWS has it is found first: its answer was lost, or the whole state."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.recovery.account import Account
from infra.recovery.chosen import Chosen
from infra.recovery.kinds.base import UNKNOWN
from infra.recovery.model import Verdict
from infra.recovery.planned import of_lost_state, strays, with_planned
from infra.recovery.state import taken_up
from lab.aws.config import ACCOUNT
from lab.aws.server.app import Server
from tests.aws.driver import Driver
from tests.aws.recovery_world import REGION, TAGS, ZONE_A
from tests.aws.tokens import ALIAS, EIP, EIP_ON, GROUP, HEALTH, INSTANCE, KEY, SUBNET, VOLUME, VPC, ZONE

ROOT = "urn:pulumi:dev::mtafleet::pulumi:pulumi:Stack::mtafleet-dev"
SITE = "urn:pulumi:dev::mtafleet::mtafleet:aws:Addresses::east"
PROVIDER = "urn:pulumi:dev::mtafleet::pulumi:providers:aws::aws-east"
LOST = Chosen(lost=True)
TAGGED = {"tags": TAGS}
BY_TYPE: Mapping[str, dict[str, Any]] = {
    EIP: {"domain": "vpc", **TAGGED},
    VOLUME: {"availabilityZone": ZONE_A, "size": 20, "type": "gp3", **TAGGED},
    ZONE: {"name": "mail.example", "comment": "mtafleet dev", **TAGGED},
    KEY: {"description": "Disks", **TAGGED},
    HEALTH: {"type": "TCP", "ipAddress": "198.51.100.1", "port": 465, "requestInterval": 10, **TAGGED},
}
"""What must not be made twice."""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def urn(kind: str) -> str:
    return f"urn:pulumi:dev::mtafleet::{kind}::one"


def resource(one: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"urn": one, "type": kind, "custom": "id" in more, **more}


def state(*, empty: bool = False) -> dict[str, Any]:
    """As the engine exports it: with the providers and components of earlier runs, or of a new stack."""
    there = [
        resource(ROOT, "pulumi:pulumi:Stack"),
        resource(PROVIDER, "pulumi:providers:aws", id="uuid", inputs={"region": REGION}, parent=ROOT),
        resource(SITE, "mtafleet:aws:Addresses", parent=ROOT),
    ]
    return {"version": 3, "deployment": {"manifest": {}, **({} if empty else {"resources": there})}}


def goal(kind: str, inputs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    told = {"type": kind, "custom": True, "inputDiff": {"adds": dict(inputs)}, **more}
    return {"goal": told, "steps": ["create"], "state": {}}


def plan(kind: str = EIP, *, empty: bool = False, **inputs: Any) -> dict[str, Any]:
    """As the engine saves it: one of this type to be made, in a new stack with all that is around it."""
    identity = UNKNOWN if empty else "uuid"
    around = {
        ROOT: goal("pulumi:pulumi:Stack", {}, custom=False),
        PROVIDER: goal("pulumi:providers:aws", {"region": REGION}, parent=ROOT),
        SITE: goal("mtafleet:aws:Addresses", {}, custom=False, parent=ROOT),
    }
    wanted = {**BY_TYPE.get(kind, {}), **inputs}
    one = goal(kind, wanted, parent=SITE, protect=True, provider=f"{PROVIDER}::{identity}")
    return {"resourcePlans": {**(around if empty else {}), urn(kind): one}}


def found(
    document: dict[str, Any], plan: dict[str, Any], chosen: Chosen | None = None
) -> tuple[Verdict, ...]:
    chosen = chosen or Chosen()
    return strays(document, with_planned(document, plan, chosen), ACCOUNT, Account(), chosen)


@pytest.mark.parametrize("kind", BY_TYPE)
def test_what_no_state_knows_is_found_before_it_is_made_again(aws: Server, east: Driver, kind: str) -> None:
    """An answer that was lost leaves nothing pending; the plan to make another tells what to look for."""
    document, planned = state(), plan(kind)
    assert found(document, planned) == ()
    made = east.create(kind, "one", BY_TYPE[kind])
    (verdict,) = found(document, planned)
    assert (verdict.fate, verdict.id) == ("adopt", made.id)
    fresh = taken_up(with_planned(document, planned), [verdict])
    adopted = fresh["deployment"]["resources"][-1]
    assert (adopted["urn"], adopted["id"], adopted["protect"]) == (urn(kind), made.id, True)
    assert adopted["inputs"]["tags"] == TAGS
    assert found(fresh, planned) == ()


@pytest.mark.parametrize("kind", BY_TYPE)
def test_a_new_state_adopts_nothing_without_a_word_and_makes_nothing_twice(
    aws: Server, east: Driver, kind: str
) -> None:
    """It may be that of another backend: the fleet's own may be elsewhere, and in order."""
    made = east.create(kind, "one", BY_TYPE[kind])
    document, planned = state(empty=True), plan(kind, empty=True)
    verdicts = found(document, planned)
    assert [(one.fate, [each.id for each in one.candidates]) for one in verdicts] == [("doubtful", [made.id])]
    assert of_lost_state(verdicts)
    assert found(document, planned, Chosen({urn(kind): None})) == ()
    (named,) = found(document, planned, Chosen({urn(kind): made.id}))
    assert (named.fate, named.id) == ("adopt", made.id)
    (lost,) = found(document, planned, LOST)
    assert (lost.fate, lost.id) == ("adopt", made.id)


def test_what_is_adopted_into_a_new_state_has_its_provider_and_parents_there(
    aws: Server, east: Driver
) -> None:
    made = east.create(EIP, "one", BY_TYPE[EIP])
    document, planned = state(empty=True), plan(empty=True)
    assumed = with_planned(document, planned, LOST)
    (verdict,) = strays(document, assumed, ACCOUNT, Account(), LOST)
    *around, adopted = taken_up(assumed, [verdict])["deployment"]["resources"]
    assert [one["urn"] for one in around] == [ROOT, PROVIDER, SITE]
    provider = around[1]
    assert provider["inputs"] == {"region": REGION}
    assert adopted["provider"] == f"{PROVIDER}::{provider['id']}"
    assert (adopted["id"], adopted["parent"]) == (made.id, SITE)


def test_a_lost_state_takes_back_what_serves(aws: Server, east: Driver) -> None:
    """An Elastic IP that a machine bears is nobody else's because of that, if the tags are ours."""
    made = east.create(EIP, "one", BY_TYPE[EIP])
    ec2 = aws.client("ec2")
    started = ec2.run_instances(
        ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1, PrivateIpAddress="172.31.0.10"
    )
    ec2.associate_address(AllocationId=made.id, InstanceId=started["Instances"][0]["InstanceId"])
    assert [one.fate for one in found(state(), plan())] == ["doubtful"]
    assert [one.fate for one in found(state(empty=True), plan(empty=True), LOST)] == ["adopt"]
    other = plan(empty=True, tags={**TAGS, "mtafleet-environment": "staging"})
    assert [one.fate for one in found(state(empty=True), other, LOST)] == ["doubtful"]


def test_a_machine_of_a_lost_state_keeps_the_image_it_has(aws: Server, east: Driver) -> None:
    """The plan has the one that new machines take, which may be newer; all else has to be as it was."""
    vpc = east.create(VPC, "one", {"cidrBlock": "10.0.0.0/16", **TAGGED})
    half = {"availabilityZone": ZONE_A, "cidrBlock": "10.0.1.0/24"}
    subnet = east.create(SUBNET, "one", {"vpcId": vpc.id, **half, **TAGGED})
    had: dict[str, Any] = {"ami": "ami-0123456789abcdef0", "instanceType": "t3.small", "subnetId": subnet.id}
    had |= TAGGED
    made = east.create(INSTANCE, "one", had)
    newer = plan(INSTANCE, empty=True, **{**had, "ami": "ami-0123456789abcdef9"})
    (verdict,) = found(state(empty=True), newer, LOST)
    assert (verdict.fate, verdict.id) == ("adopt", made.id)
    assert [one.fate for one in found(state(), plan(INSTANCE, **{**had, "ami": "ami-9"}))] == ["doubtful"]
    larger = plan(INSTANCE, empty=True, **{**had, "instanceType": "t3.large"})
    assert [one.fate for one in found(state(empty=True), larger, LOST)] == ["doubtful"]


def test_only_a_lost_state_asks_for_what_aws_would_refuse_to_make_twice(aws: Server, east: Driver) -> None:
    key = east.create(KEY, "one", BY_TYPE[KEY])
    east.create(ALIAS, "one", {"name": "alias/mtafleet-dev", "targetKeyId": key.id})
    named: dict[str, Any] = {"name": "alias/mtafleet-dev", "targetKeyId": key.id}
    assert found(state(), plan(ALIAS, **named)) == ()
    (alias,) = found(state(empty=True), plan(ALIAS, empty=True, **named), LOST)
    assert (alias.fate, alias.id) == ("adopt", "alias/mtafleet-dev")
    unknown = plan(ALIAS, empty=True, **{**named, "targetKeyId": UNKNOWN})
    assert found(state(empty=True), unknown, LOST) == ()


def test_a_replacement_that_was_made_after_the_old_one_went_is_found(aws: Server, east: Driver) -> None:
    """The plan tells only in what the new one differs; the state has the rest, of what was deleted."""
    made = east.create(VOLUME, "one", BY_TYPE[VOLUME])
    gone = {**BY_TYPE[VOLUME], "size": 10, "throughput": 500}
    more = {"id": "vol-gone", "inputs": gone, "provider": f"{PROVIDER}::uuid", "pendingReplacement": True}
    document = state()
    document["deployment"]["resources"].append(resource(urn(VOLUME), VOLUME, **more))
    planned = plan(VOLUME)
    one = planned["resourcePlans"][urn(VOLUME)]
    one["steps"] = ["remove-pending-replace", "create-replacement"]
    one["goal"]["inputDiff"] = {"updates": {"size": 20}, "deletes": ["throughput"]}
    (verdict,) = found(document, planned)
    assert (verdict.fate, verdict.id) == ("adopt", made.id)
    *_, adopted = taken_up(with_planned(document, planned), [verdict])["deployment"]["resources"]
    assert (adopted["id"], adopted["inputs"]) == (made.id, BY_TYPE[VOLUME])
    one["steps"] = ["create-replacement", "replace", "delete-replaced"]
    assert found(document, planned) == ()


def test_what_depends_on_something_else_that_is_found_waits_for_it(aws: Server, east: Driver) -> None:
    key = east.create(KEY, "one", BY_TYPE[KEY])
    east.create(VOLUME, "one", {**BY_TYPE[VOLUME], "encrypted": True, "kmsKeyId": key.id})
    document = state()
    both = plan(KEY)
    both["resourcePlans"] |= plan(VOLUME, kmsKeyId=UNKNOWN)["resourcePlans"]
    (first,) = found(document, both)
    assert (first.pending.type, first.fate) == (KEY, "adopt")
    upon_new = plan(VOLUME, kmsKeyId=UNKNOWN)
    (alone,) = found(document, upon_new)
    assert (alone.fate, "though not yet what it is to depend on" in alone.why) == ("doubtful", True)
    (lost,) = found(document, upon_new, LOST)
    fresh = taken_up(with_planned(document, upon_new, LOST), [lost])
    assert fresh["deployment"]["resources"][-1]["inputs"] == BY_TYPE[VOLUME]


def test_a_name_that_the_provider_makes_up_is_no_difference_between_plans(aws: Server, east: Driver) -> None:
    vpc = east.create(VPC, "one", {"cidrBlock": "10.0.0.0/16", "tags": TAGS})
    made = east.create(GROUP, "one", {"vpcId": vpc.id, "description": "Mail servers", "tags": TAGS})
    wanted: dict[str, Any] = {"vpcId": vpc.id, "description": "Mail servers", "tags": TAGS}
    assert str(made.inputs["name"]).startswith("one-")
    (verdict,) = found(state(), plan(GROUP, name="one-0123abc", **wanted))
    assert (verdict.fate, verdict.id) == ("adopt", made.id)
    (verdict,) = found(state(), plan(GROUP, name="mail", **wanted))
    assert verdict.fate == "doubtful"


def test_what_is_pending_and_left_out_stays_so(aws: Server, east: Driver) -> None:
    """A stray is taken up beside it."""
    made = east.create(EIP, "one", BY_TYPE[EIP])
    document = state()
    left = {"urn": f"{urn(EIP)}-west", "type": EIP, "inputs": {}, "provider": f"{PROVIDER}::uuid"}
    document["deployment"]["pending_operations"] = [{"resource": left, "type": "creating"}]
    assumed = with_planned(document, plan())
    (verdict,) = strays(document, assumed, ACCOUNT, Account(), Chosen())
    fresh = taken_up(assumed, [verdict])["deployment"]
    assert fresh["pending_operations"] == [{"resource": left, "type": "creating"}]
    assert fresh["resources"][-1]["id"] == made.id


def test_what_is_to_be_bound_to_something_new_is_none_of_ours(aws: Server, east: Driver) -> None:
    east.create(EIP, "one", BY_TYPE[EIP])
    (verdict,) = found(state(), plan(address=UNKNOWN))
    assert verdict.fate == "doubtful"
    assert found(state(), plan(EIP_ON, allocationId=UNKNOWN)) == ()
