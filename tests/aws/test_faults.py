"""What happens when the simulated AWS misbehaves, as a file of faults says."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from botocore.exceptions import ClientError

from lab.aws.server.app import Server
from lab.aws.server.faults import Rule
from tests.aws.driver import Driver, Made
from tests.aws.tokens import KEY, ROLE, SUBNET, TOPIC, VPC, ZONE

Inject = Callable[..., None]
BLOCK = {"cidrBlock": "10.0.0.0/16"}


def vpcs(aws: Server, region: str = "us-east-1") -> list[str]:
    """The VPCs made, the one every account has aside."""
    listed = aws.client("ec2", region).describe_vpcs()["Vpcs"]
    return [one["VpcId"] for one in listed if not one["IsDefault"]]


@pytest.mark.parametrize("fault", ["throttled", "error"])
@pytest.mark.parametrize(
    ("service", "token", "inputs"),
    [
        ("ec2", VPC, BLOCK),
        ("kms", KEY, {}),
        ("sns", TOPIC, {}),
        ("iam", ROLE, {"assumeRolePolicy": '{"Version": "2012-10-17", "Statement": []}'}),
        ("route53", ZONE, {"name": "mail.example"}),
    ],
)
def test_what_passes_is_tried_again(
    east: Driver, inject: Inject, fault: str, service: str, token: str, inputs: dict[str, Any]
) -> None:
    inject({"fault": fault, "service": service, "times": 2})
    made = east.create(token, "one", inputs)
    assert east.diff(made, inputs) == {}


def test_what_lasts_fails_the_operation_with_a_sentence(east: Driver, aws: Server, inject: Inject) -> None:
    inject({"fault": "throttled", "region": "us-east-1", "operation": "CreateVpc"})
    with pytest.raises(grpc.RpcError, match="AWS ec2 CreateVpc: RequestLimitExceeded"):
        east.create(VPC, "one", BLOCK)
    inject({"fault": "denied", "operation": "CreateVpc"})
    with pytest.raises(grpc.RpcError, match="AWS ec2 CreateVpc: UnauthorizedOperation"):
        east.create(VPC, "one", BLOCK)
    inject()
    assert vpcs(aws) == []
    east.create(VPC, "one", BLOCK)


def test_one_region_is_dead(east: Driver, west: Driver, aws: Server, inject: Inject) -> None:
    inject({"fault": "unanswered", "region": "us-west-2"})
    assert east.create(VPC, "one", BLOCK).id in vpcs(aws)
    with pytest.raises(grpc.RpcError, match="no answer from its endpoint"):
        west.create(VPC, "one", BLOCK)


def test_what_was_made_is_not_visible_yet(east: Driver, inject: Inject) -> None:
    inject({"fault": "invisible", "operation": "CreateVpc", "requests": 3, "times": 1})
    vpc = east.create(VPC, "one", BLOCK)
    inject({"fault": "invisible", "operation": "CreateSubnet", "requests": 4, "times": 1})
    subnet = east.create(SUBNET, "one", {"vpcId": vpc.id, "cidrBlock": "10.0.1.0/24"})
    assert east.read(subnet) is not None


def test_others_meet_what_is_not_visible_yet(aws: Server, inject: Inject) -> None:
    inject({"fault": "invisible", "operation": "CreateVpc", "requests": 1, "times": 1})
    ec2 = aws.client("ec2")
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    with pytest.raises(ClientError, match=r"InvalidVpcID\.NotFound"):
        ec2.describe_vpcs(VpcIds=[made])
    assert len(ec2.describe_vpcs(VpcIds=[made])["Vpcs"]) == 1


def test_a_create_whose_answer_is_lost_is_not_repeated(east: Driver, aws: Server, inject: Inject) -> None:
    """AWS made it and nobody knows its id: a second attempt would make another one."""
    inject({"fault": "lost", "operation": "CreateVpc", "times": 1})
    with pytest.raises(grpc.RpcError, match="whether it was done is unknown"):
        east.create(VPC, "one", {**BLOCK, "tags": {"Name": "orphan"}})
    assert len(vpcs(aws)) == 1


def test_a_look_up_whose_answer_is_lost_is_repeated(east: Driver, inject: Inject) -> None:
    inject({"fault": "lost", "operation": "DescribeVpcs", "times": 2})
    assert east.create(VPC, "one", BLOCK).state["cidrBlock"] == "10.0.0.0/16"


def test_a_create_that_dies_half_way_is_recorded_and_finished_later(
    east: Driver, aws: Server, inject: Inject
) -> None:
    wanted = {**BLOCK, "enableDnsHostnames": True}
    inject({"fault": "denied", "operation": "ModifyVpcAttribute"})
    with pytest.raises(grpc.RpcError) as refused:
        east.create(VPC, "one", wanted)
    assert refused.value.code() is grpc.StatusCode.UNKNOWN  # with the half-made resource in the details
    details = dict(refused.value.trailing_metadata())["grpc-status-details-bin"]
    (made,) = vpcs(aws)
    assert made.encode() in details
    inject()
    half = Made(VPC, "one", made, wanted, dict(wanted))
    east.update(half, wanted)
    assert half.state["enableDnsHostnames"] is True
    assert east.diff(half, wanted) == {}


def test_an_answer_is_held_until_a_pipe_is_opened(
    east: Driver, aws: Server, inject: Inject, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    inject({"fault": "held", "operation": "CreateVpc", "pipe": str(pipe)})
    made: list[Made] = []
    thread = threading.Thread(target=lambda: made.append(east.create(VPC, "one", BLOCK)))
    thread.start()
    with pipe.open("wb"):  # opens once the simulated AWS holds the answer
        assert len(vpcs(aws)) == 1
        assert made == []
    thread.join()
    assert [one.id for one in made] == vpcs(aws)


def test_rules_are_counted_anew_when_the_file_changes(aws: Server, inject: Inject) -> None:
    ec2 = aws.client("ec2")
    for _ in range(2):
        inject({"fault": "denied", "service": "ec2", "operation": "Describe*", "times": 1})
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            ec2.describe_vpcs()
        ec2.describe_vpcs()


def test_a_rule_without_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="faulty"):
        Rule.model_validate({"fault": "denied", "faulty": True})
