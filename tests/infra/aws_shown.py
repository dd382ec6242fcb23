"""What AWS and the states have of a fleet that the real engine has made."""

import json

from tests.infra.aws_engine import FOUNDATION, NAME, REGIONS, AwsFleet


def bound(fleet: AwsFleet, private: str) -> str:
    """The Elastic IP that AWS has bound to a private address."""
    found = fleet.ec2("us-east-1").describe_addresses()["Addresses"]
    (public,) = (one["PublicIp"] for one in found if one.get("PrivateIpAddress") == private)
    return str(public)


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


def in_account(fleet: AwsFleet) -> set[str]:
    """The ids of everything in the account that AWS would have made twice without a word."""
    found: set[str] = set()
    for region in REGIONS:
        ec2 = fleet.ec2(region)
        found |= {one["AllocationId"] for one in ec2.describe_addresses()["Addresses"]}
        found |= {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]}
        spools = [{"Name": "tag:mtafleet-environment", "Values": [NAME]}]
        found |= {one["VolumeId"] for one in ec2.describe_volumes(Filters=spools)["Volumes"]}
        for one in ec2.describe_instances()["Reservations"]:
            found |= {machine["InstanceId"] for machine in one["Instances"]}
    route53 = fleet.server.client("route53")
    found |= {one["Id"].rpartition("/")[2] for one in route53.list_hosted_zones()["HostedZones"]}
    return found | {one["Id"] for one in route53.list_health_checks()["HealthChecks"]}


def in_states(fleet: AwsFleet) -> set[str]:
    """The ids of the same types that the two states have."""
    kinds = ("Eip", "Vpc", "Volume", "Instance", "Zone", "HealthCheck")
    found = set()
    for stack in (FOUNDATION, NAME):
        document = json.loads(fleet.run("stack", "export", "--stack", stack).text)
        assert "pending_operations" not in document["deployment"]
        for one in document["deployment"]["resources"]:
            if one["type"].startswith("aws:") and one["type"].endswith(kinds):
                found.add(one["id"])
    return found


def ttls(fleet: AwsFleet) -> set[int]:
    """Of every steered answer."""
    route53 = fleet.server.client("route53")
    return {
        one["TTL"]
        for zone in route53.list_hosted_zones()["HostedZones"]
        for one in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        if "SetIdentifier" in one
    }


def elastic_ips(fleet: AwsFleet) -> set[str]:
    listed = fleet.ec2("us-east-1").describe_addresses()["Addresses"]
    return {one["AllocationId"] for one in listed}
