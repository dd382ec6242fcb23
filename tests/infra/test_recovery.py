"""Taking up a killed run, the pure part: what a candidate proves, and the state without what was pending."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.recovery.chosen import LeftOut
from infra.recovery.judge import judge, judge_elsewhere
from infra.recovery.kinds import LOOKS, REPEATABLE
from infra.recovery.kinds.base import alike
from infra.recovery.model import Candidate, Pending, RecoveryError, Verdict
from infra.recovery.state import known_ids, pending_in, taken_up, urns_in, written
from lab.aws.kinds import KINDS
from tests.aws.test_program_is_served import classes_used, program_files

EIP = "aws:ec2/eip:Eip"
TAGS = {"Name": "dev-virginia-1", "mtafleet-environment": "dev"}
STACK = "urn:pulumi:dev::mtafleet::pulumi:pulumi:Stack::mtafleet-dev"
PROVIDER = "urn:pulumi:dev::mtafleet::pulumi:providers:aws::aws-virginia"


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::mtafleet::{kind}::{name}"


def pending(kind: str = EIP, operation: str = "creating") -> Pending:
    return Pending(urn(kind, "10.10.0.20"), operation, {"domain": "vpc", "tags": TAGS}, "us-east-1")


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"urn": urn(kind, name), "type": kind, "custom": True, "parent": STACK, **more}


def state(*resources: dict[str, Any], begun: list[dict[str, Any]]) -> dict[str, Any]:
    stack = {"urn": STACK, "type": "pulumi:pulumi:Stack", "custom": False}
    provider = {
        "urn": PROVIDER,
        "type": "pulumi:providers:aws",
        "custom": True,
        "id": "uuid",
        "inputs": {"region": "us-east-1"},
    }
    return {
        "version": 3,
        "deployment": {
            "manifest": {"time": "2026-11-23T14:00:00.123456789+01:00", "magic": "x"},
            "resources": [stack, provider, *resources],
            "pending_operations": begun,
        },
    }


def creating(one: dict[str, Any], operation: str = "creating") -> dict[str, Any]:
    return {"resource": {**one, "provider": f"{PROVIDER}::uuid"}, "type": operation}


def test_what_aws_does_not_have_is_made_by_the_next_run() -> None:
    assert judge(pending(), [], ()).fate == "forget"
    assert judge(pending(), [Candidate("eipalloc-1", TAGS)], {"eipalloc-1"}).fate == "forget"


def test_what_aws_has_made_is_adopted() -> None:
    found = judge(pending(), [Candidate("eipalloc-1", {**TAGS, "aws:created": "x"})], {"eipalloc-9"})
    assert (found.fate, found.id) == ("adopt", "eipalloc-1")
    assert judge(pending(), [Candidate("eipalloc-1", None)], ()).fate == "adopt"


@pytest.mark.parametrize(
    "candidates",
    [
        [Candidate("eipalloc-1", TAGS), Candidate("eipalloc-2", TAGS)],
        [Candidate("eipalloc-1", {**TAGS, "mtafleet-environment": "staging"})],
        [Candidate("eipalloc-1", {"Name": "dev-virginia-1"})],
        [Candidate("eipalloc-1", {**TAGS, "owner": "somebody"})],
        [Candidate("eipalloc-1", TAGS, ("is in use",))],
        [Candidate("eipalloc-1", TAGS), Candidate("eipalloc-2", {"Name": "dev-virginia-1"})],
    ],
)
def test_what_is_not_plain_is_left_to_the_operator(candidates: list[Candidate]) -> None:
    found = judge(pending(), candidates, ())
    assert found.fate == "doubtful"
    assert found.candidates == tuple(candidates)


def test_what_needs_no_look_at_aws() -> None:
    assert judge_elsewhere(pending(operation="deleting")).fate == "read"
    assert judge_elsewhere(pending("mtafleet:index:PrivateKey")).fate == "forget"


def test_secret_and_absent_inputs_may_be_anything() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
    assert alike(secret, "plain")
    assert alike(None, 5)
    assert alike(20, 20.0)
    assert alike(["b", "a"], ["a", "b"])
    assert alike("mail.example", "mail.example.")
    assert not alike("a", "b")
    assert not alike(True, False)


def test_pending_operations_know_their_region() -> None:
    begun = creating(resource(EIP, "10.10.0.20", inputs={"tags": TAGS}))
    document = state(resource(EIP, "10.10.0.21", id="eipalloc-1"), begun=[begun])
    (found,) = pending_in(document)
    assert (found.type, found.name, found.region, found.creates) == (EIP, "10.10.0.20", "us-east-1", True)
    assert known_ids(document, EIP) == {"eipalloc-1"}
    assert known_ids(document, "aws:ec2/vpc:Vpc") == set()
    assert written(document) == datetime(2026, 11, 23, 13, 0, 0, 123456, tzinfo=UTC)
    del begun["resource"]["provider"]
    with pytest.raises(RecoveryError, match="in which region"):
        pending_in(document)


def test_what_is_adopted_is_read_before_anything_is_done_with_it() -> None:
    begun = creating(resource(EIP, "10.10.0.20", inputs={"tags": TAGS}, protect=True))
    document = state(begun=[begun])
    before = copy.deepcopy(document)
    (one,) = pending_in(document)
    fresh = taken_up(document, [Verdict(one, "adopt", "", "eipalloc-1")])
    assert document == before
    assert "pending_operations" not in fresh["deployment"]
    adopted = fresh["deployment"]["resources"][-1]
    assert (adopted["id"], adopted["protect"], adopted["refreshBeforeUpdate"]) == ("eipalloc-1", True, True)
    assert adopted["inputs"] == adopted["outputs"] == {"tags": TAGS}


def test_what_is_forgotten_leaves_no_trace_and_what_is_doubtful_is_not_adopted() -> None:
    document = state(begun=[creating(resource(EIP, "10.10.0.20", inputs={"tags": TAGS}))])
    (one,) = pending_in(document)
    for fate in ("forget", "doubtful"):
        fresh = taken_up(document, [Verdict(one, fate, "")])
        assert [found["type"] for found in fresh["deployment"]["resources"]] == [
            "pulumi:pulumi:Stack",
            "pulumi:providers:aws",
        ]


def test_an_unfinished_change_is_read_anew() -> None:
    there = resource(EIP, "10.10.0.20", id="eipalloc-1")
    document = state(there, begun=[creating(there, "updating")])
    (one,) = pending_in(document)
    fresh = taken_up(document, [judge_elsewhere(one)])
    assert fresh["deployment"]["resources"][-1]["refreshBeforeUpdate"] is True


def test_a_resource_that_was_begun_anew_and_deleted_at_once_is_judged_twice() -> None:
    """Only what was judged is dropped: the engine names both operations by the same URN."""
    there = resource(EIP, "10.10.0.20", id="eipalloc-1", delete=True)
    new = resource(EIP, "10.10.0.20", inputs={"tags": TAGS})
    document = state(there, begun=[creating(new), creating(there, "deleting")])
    one, other = pending_in(document)
    assert (one.operation, other.operation) == ("creating", "deleting")
    fresh = taken_up(document, [Verdict(one, "adopt", "", "eipalloc-2")])["deployment"]
    assert [found["type"] for found in fresh["pending_operations"]] == ["deleting"]
    fresh = taken_up(document, [Verdict(one, "leave", ""), judge_elsewhere(other)])["deployment"]
    assert [found["type"] for found in fresh["pending_operations"]] == ["creating"]


def test_what_lies_in_a_region_is_told_by_its_provider() -> None:
    there = resource(EIP, "10.10.0.20", id="eipalloc-1", provider=f"{PROVIDER}::uuid")
    document = state(there, resource(EIP, "elsewhere", id="eipalloc-2"), begun=[])
    for name in ("us-east-1", "virginia"):
        assert urns_in(document, name) == [PROVIDER, there["urn"]]
    assert urns_in(document, "ireland") == []


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("**virginia", True),
        ("**::10.10.0.20", True),
        ("**Eip::*", True),
        ("*::10.10.0.20", False),
        ("*", False),
    ],
)
def test_patterns_are_the_engines(pattern: str, covered: bool) -> None:
    document = state(begun=[creating(resource(EIP, "10.10.0.20", inputs={"tags": TAGS}))])
    (one,) = pending_in(document)
    assert LeftOut.of(["--exclude", pattern]).covers(one) is covered
    assert LeftOut.of([f"--exclude={pattern}"]).covers(one) is covered


def test_a_replacement_takes_the_place_of_what_it_replaces() -> None:
    """What leans on it stays after it, what it leans on comes before it, what still exists is deleted."""
    machine = resource("aws:ec2/instance:Instance", "virginia-1", id="i-1")
    bound = resource("aws:ec2/eipAssociation:EipAssociation", "a", id="x", dependencies=[machine["urn"]])
    group = resource("aws:ec2/securityGroup:SecurityGroup", "virginia", id="sg-2")
    new = resource("aws:ec2/instance:Instance", "virginia-1", inputs={}, dependencies=[group["urn"]])

    for gone in (True, False):
        old = {**machine, **({"pendingReplacement": True} if gone else {})}
        document = state(old, bound, group, begun=[creating(new)])
        (one,) = pending_in(document)
        fresh = taken_up(document, [Verdict(one, "adopt", "", "i-2")])
        ids = [found.get("id") for found in fresh["deployment"]["resources"][2:]]
        assert ids == (["sg-2", "i-2", "x"] if gone else ["sg-2", "i-2", "x", "i-1"])
        assert [found for found in fresh["deployment"]["resources"] if found.get("delete")] == (
            [] if gone else [{**machine, "delete": True}]
        )


def test_every_type_that_the_program_makes_can_be_looked_up() -> None:
    used = {one for file in program_files() for one in classes_used(file.read_text())}
    tokens = {(token.split(":")[1].partition("/")[0], token.rpartition(":")[2]): token for token in KINDS}
    wanted = {tokens[one] for one in used}
    assert len(wanted) >= 30
    assert wanted - LOOKS.keys() - REPEATABLE == set()
    assert LOOKS.keys() & REPEATABLE == set()
