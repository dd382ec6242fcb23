"""Recovery under the real engine: a lost state is taken back from AWS, a dead region is left as it is."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.recovery.account import Account
from infra.recovery.chosen import Chosen, LeftOut
from infra.recovery.lookup import verdicts
from infra.recovery.planned import strays, with_planned
from infra.recovery.state import taken_up, urns_in
from lab.aws.config import ACCOUNT
from lab.aws.server.app import serving
from tests.aws.stack import AwsStack

pytestmark = pytest.mark.engine

PROGRAM = """
import pulumi
import pulumi_aws as aws

for site, region in {"east": "us-east-1", "west": "us-west-2"}.items():
    provider = aws.Provider(f"aws-{site}", region=region, max_retries=1)
    storage = pulumi.ComponentResource("test:index:Storage", site)
    at = pulumi.ResourceOptions(provider=provider, parent=storage, protect=True)
    tags = lambda name: {"Name": f"dev-{name}", "mtafleet-environment": "dev"}
    key = aws.kms.Key(site, description="Disks", tags=tags(site), opts=at)
    aws.ebs.Volume(f"spool-{site}", availability_zone=f"{region}a", size=8, encrypted=True,
                   kms_key_id=key.arn, tags=tags(f"spool-{site}"), opts=at)
    aws.ec2.Eip(f"address-{site}", domain="vpc", tags=tags(f"address-{site}"), opts=at)
"""
OF_PROGRAM = 1 + 2 * 5
LOST = Chosen(lost=True)
WEST = LeftOut(frozenset({"west"}))


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of faults that the simulated AWS of both tests watches."""
    return tmp_path_factory.mktemp("faults") / "faults.json"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, faults: Path) -> Iterator[AwsStack]:
    """Brought up once."""
    with serving(faults) as aws, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.delenv("AWS_PROFILE", raising=False)
        made = AwsStack.make(tmp_path_factory.mktemp("aws"), aws, PROGRAM)
        assert made.up().counts == {"created": OF_PROGRAM}
        yield made
        made.end()


def exported(stack: AwsStack) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(stack.run("stack", "export", "--stack", "dev").text)
    return document


def put_back(stack: AwsStack, document: Mapping[str, Any]) -> None:
    file = stack.folder / "state.json"
    file.write_text(json.dumps(document))
    done = stack.run("stack", "import", "--stack", "dev", "--file", str(file))
    assert done.status == 0, done.text


def ids(stack: AwsStack) -> dict[str, str]:
    return {name: one["id"] for name, one in stack.resources().items()}


def test_a_lost_state_is_taken_back_from_what_the_account_has(stack: AwsStack) -> None:
    """Keys and addresses after a first plan, the volumes upon those keys after a second."""
    before = ids(stack)
    assert stack.run("stack", "rm", "dev", "--force", "--yes", "--preserve-config").status == 0
    assert stack.run("stack", "init", "dev").status == 0
    plan = stack.folder / "plan.json"
    rounds = []
    for _ in range(2):
        document = exported(stack)
        planning = stack.preview("--save-plan", str(plan))
        assert planning.status == 0, planning.text
        assumed = with_planned(document, json.loads(plan.read_text()), LOST)
        found = strays(document, assumed, ACCOUNT, Account(), LOST)
        assert {one.fate for one in found} == {"adopt"}
        rounds.append({one.pending.name for one in found})
        put_back(stack, taken_up(assumed, found))
    assert rounds == [{"east", "west", "address-east", "address-west"}, {"spool-east", "spool-west"}]
    last = stack.up()
    assert last.counts == {"unchanged": OF_PROGRAM}, last.text
    assert ids(stack) == before
    assert {one["protect"] for one in stack.resources().values()} == {True}


def interrupt(stack: AwsStack, name: str) -> None:
    """Have the state say that a killed run was making this: an import would drop what is pending."""
    (file,) = stack.folder.glob("backend/.pulumi/stacks/**/dev.json")
    checkpoint = json.loads(file.read_text())
    latest = checkpoint["checkpoint"]["latest"]
    (one,) = [each for each in latest["resources"] if each["urn"].endswith(f"::{name}")]
    latest["resources"].remove(one)
    begun = {key: value for key, value in one.items() if key not in ("id", "outputs")}
    latest["pending_operations"] = [{"type": "creating", "resource": begun}]
    file.write_text(json.dumps(checkpoint))


def test_what_is_pending_in_a_dead_region_stays_so_while_the_other_goes_on(
    stack: AwsStack, inject: Callable[..., None]
) -> None:
    """A killed run was making an address there."""
    before = ids(stack)
    interrupt(stack, "address-west")
    inject({"fault": "unanswered", "region": "us-west-2"})
    assert stack.up().status != 0
    document = exported(stack)
    (left,) = verdicts(document, ACCOUNT, Account(), Chosen(left_out=WEST), never)
    assert (left.pending.name, left.fate) == ("address-west", "leave")
    stack.write(PROGRAM.replace("size=8", "size=9"))
    excluded = [f"--exclude={urn}" for name in WEST.regions for urn in urns_in(document, name)]
    done = stack.up(*excluded, "--exclude-dependents")
    assert done.status == 0, done.text
    assert done.counts["updated"] == 1

    inject()
    document = exported(stack)
    (found,) = verdicts(document, ACCOUNT, Account(), Chosen(), never)
    put_back(stack, taken_up(document, [found]))
    last = stack.up()
    assert last.counts == {"updated": 1, "unchanged": OF_PROGRAM - 1}, last.text
    assert ids(stack) == before


def never(seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s")
