"""What the stand-in refuses: inputs, types, look-ups, endpoints, accounts."""

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from lab.aws.config import ACCOUNT, is_loopback
from lab.aws.server.app import Server
from tests.aws.driver import Driver, RefusedError, driving
from tests.aws.tokens import INSTANCE, SUBNET, VPC


@pytest.mark.parametrize(
    ("token", "inputs", "property_name", "reason"),
    [
        (VPC, {"cidr": "10.0.0.0/16"}, "cidr", "not permitted"),
        (VPC, {"cidrBlock": 10}, "cidrBlock", "valid string"),
        (VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": "yes"}, "enableDnsSupport", "valid boolean"),
        (VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"Name": 1}}, "tags.Name", "valid string"),
        (SUBNET, {"cidrBlock": "10.0.0.0/24"}, "vpcId", "required"),
        (INSTANCE, {"rootBlockDevice": {"volumeSiz": 8}}, "rootBlockDevice.volumeSiz", "not permitted"),
        (INSTANCE, {"rootBlockDevice": {"volumeSize": "8"}}, "rootBlockDevice.volumeSize", "valid integer"),
        (INSTANCE, {"vpcSecurityGroupIds": "sg-1"}, "vpcSecurityGroupIds", "valid list"),
        (INSTANCE, {"hibernation": True}, "hibernation", "does not serve hibernation"),
    ],
)
def test_inputs_that_the_class_would_not_take(
    east: Driver, token: str, inputs: dict[str, object], property_name: str, reason: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        east.check(token, "one", inputs)
    assert reason in refused.value.reasons[property_name]


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("aws:sqs/queue:Queue", "does not serve aws:sqs/queue:Queue; the official provider does"),
        ("aws:ec2/cloud:Cloud", "has no aws:ec2/cloud:Cloud"),
    ],
)
def test_types_that_are_not_served(east: Driver, token: str, reason: str) -> None:
    with pytest.raises(grpc.RpcError, match=reason):
        east.check(token, "one", {})


def test_look_ups(east: Driver) -> None:
    with pytest.raises(grpc.RpcError, match="aws:ec2/getAmi:getAmi: look-ups are refused"):
        east.stub.Invoke(provider_pb2.InvokeRequest(tok="aws:ec2/getAmi:getAmi"))


def refused(config: dict[str, str]) -> dict[str, str]:
    with driving() as driver, pytest.raises(RefusedError) as error:
        driver.configure(config)
    return error.value.reasons


@pytest.mark.parametrize(
    "endpoint",
    ["https://ec2.us-east-1.amazonaws.com", "http://198.51.100.1:5000", "http://localhost.example:5000"],
)
def test_endpoints_elsewhere(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert "not on loopback" in refused({"region": "us-east-1"})["endpoints"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    of_one_service = {"region": "us-east-1", "endpoints": f'[{{"ec2": "{endpoint}"}}]'}
    assert "not on loopback" in refused(of_one_service)["endpoints"]


def test_no_endpoint_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert "python -m lab.aws.server" in refused({"region": "us-east-1"})["endpoints"]


def test_a_provider_without_region_or_with_unknown_configuration(
    aws: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert set(refused({"regoin": "us-east-1"})) == {"region", "regoin"}


def test_other_accounts(aws: Server) -> None:
    reasons = refused({"region": "us-east-1", "allowedAccountIds": '["999999999999"]'})
    assert ACCOUNT in reasons["allowedAccountIds"]
    with driving() as driver:
        driver.configure({"region": "us-east-1", "allowedAccountIds": f'["{ACCOUNT}"]'})


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]:1", True),
        ("http://localhost:1", True),
        ("http://10.0.0.1:1", False),
        ("http://127.0.0.1.example:1", False),
        ("127.0.0.1:1", False),
    ],
)
def test_what_loopback_is(address: str, *, loopback: bool) -> None:
    assert is_loopback(address) is loopback


def test_the_providers_tags_are_put_on_everything(aws: Server) -> None:
    with driving() as driver:
        driver.configure({"region": "us-east-1", "defaultTags": '{"tags": {"fleet": "dev", "Name": "none"}}'})
        vpc = driver.create(VPC, "one", {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "vpc"}})
        assert vpc.state["tagsAll"] == {"fleet": "dev", "Name": "vpc"}
        assert vpc.state["tags"] == {"Name": "vpc"}
        aws.client("ec2").delete_tags(Resources=[vpc.id], Tags=[{"Key": "fleet"}])
        drifted = driver.read(vpc)
        assert drifted is not None
        assert driver.diff(drifted, vpc.inputs) == {"tagsAll": "UPDATE"}
        driver.update(drifted, vpc.inputs)
        assert drifted.state["tagsAll"] == {"fleet": "dev", "Name": "vpc"}


def test_one_resource_in_another_region(aws: Server, east: Driver) -> None:
    vpc = east.create(VPC, "one", {"cidrBlock": "10.0.0.0/16", "region": "eu-west-1"})
    ids = [one["VpcId"] for one in aws.client("ec2", "eu-west-1").describe_vpcs()["Vpcs"]]
    assert vpc.id in ids
    assert east.diff(vpc, {"cidrBlock": "10.0.0.0/16", "region": "us-east-1"}) == {"region": "UPDATE_REPLACE"}
