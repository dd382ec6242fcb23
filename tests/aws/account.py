"""What a simulated account holds."""

from collections.abc import Iterable, Iterator
from typing import Any

from lab.aws.server.app import Server

RUNNING = [{"Name": "instance-state-name", "Values": ["running", "stopped", "pending"]}]


def left(aws: Server, regions: Iterable[str]) -> dict[str, list[str]]:
    """Everything in these regions and in services without one, by kind; kinds without anything are not named.

    Left out is what every account has, AWS's own keys among it, and keys that are scheduled for deletion.
    """
    found = {"account zones": _zones(aws), "account checks": _checks(aws), "account buckets": _buckets(aws)}
    found["account roles"] = [one["RoleName"] for one in aws.client("iam").list_roles()["Roles"]]
    found["account profiles"] = [
        one["InstanceProfileName"] for one in aws.client("iam").list_instance_profiles()["InstanceProfiles"]
    ]
    for region in regions:
        found |= {f"{region} {kind}": listed for kind, listed in _region(aws, region)}
    return {kind: listed for kind, listed in found.items() if listed}


def _zones(aws: Server) -> list[str]:
    return [one["Name"] for one in aws.client("route53").list_hosted_zones()["HostedZones"]]


def _checks(aws: Server) -> list[str]:
    return [one["Id"] for one in aws.client("route53").list_health_checks()["HealthChecks"]]


def _buckets(aws: Server) -> list[str]:
    return [one["Name"] for one in aws.client("s3").list_buckets()["Buckets"]]


def _region(aws: Server, region: str) -> Iterator[tuple[str, list[str]]]:
    ec2: Any = aws.client("ec2", region)
    yield "vpcs", [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]]
    yield "addresses", [one["PublicIp"] for one in ec2.describe_addresses()["Addresses"]]
    yield "volumes", [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]]
    yield (
        "instances",
        [one["ReservationId"] for one in ec2.describe_instances(Filters=RUNNING)["Reservations"]],
    )
    yield (
        "interfaces",
        [one["NetworkInterfaceId"] for one in ec2.describe_network_interfaces()["NetworkInterfaces"]],
    )
    yield "topics", [one["TopicArn"] for one in aws.client("sns", region).list_topics()["Topics"]]
    kms: Any = aws.client("kms", region)
    awss = {one.get("TargetKeyId") for one in kms.list_aliases()["Aliases"] if _is_awss(one["AliasName"])}
    listed = [one["KeyId"] for one in kms.list_keys()["Keys"] if one["KeyId"] not in awss]
    states = {key: _state(kms, key) for key in listed}
    yield "keys", [key for key, state in states.items() if state != "PendingDeletion"]


def _is_awss(alias: str) -> bool:
    return alias.startswith("alias/aws/")


def _state(kms: Any, key: str) -> str:
    return str(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])
