"""What AWS knows by a key of its own: names, and what is bound to what. A second one it would refuse."""

import zlib
from collections.abc import Sequence
from typing import Any

from infra.recovery.account import Account
from infra.recovery.kinds.base import Look, differences, tags_of
from infra.recovery.model import Candidate, Pending


def _route(account: Account, pending: Pending) -> Sequence[Candidate]:
    table, destination = pending.inputs["routeTableId"], pending.inputs["destinationCidrBlock"]
    tables = account.listed(
        "ec2", pending.region, "describe_route_tables", "RouteTables", RouteTableIds=[table]
    )
    same = {"gatewayId": "GatewayId", "vpcPeeringConnectionId": "VpcPeeringConnectionId"}
    return [
        Candidate(_hashed(f"r-{table}", destination), None, differences(pending.inputs, route, same))
        for one in tables
        for route in one["Routes"]
        if route.get("DestinationCidrBlock") == destination
    ]


def _table_of_subnet(account: Account, pending: Pending) -> Sequence[Candidate]:
    filters = [{"Name": "association.subnet-id", "Values": [pending.inputs["subnetId"]]}]
    tables = account.listed("ec2", pending.region, "describe_route_tables", "RouteTables", Filters=filters)
    return [
        Candidate(
            one["RouteTableAssociationId"],
            None,
            differences(pending.inputs, one, {"routeTableId": "RouteTableId"}),
        )
        for table in tables
        for one in table["Associations"]
        if one.get("SubnetId") == pending.inputs["subnetId"]
    ]


def _attachment(account: Account, pending: Pending) -> Sequence[Candidate]:
    inputs = pending.inputs
    volumes = account.listed(
        "ec2", pending.region, "describe_volumes", "Volumes", VolumeIds=[inputs["volumeId"]]
    )
    words = f"{inputs['deviceName']}-{inputs['instanceId']}-{inputs['volumeId']}-"
    return [
        Candidate(
            _hashed("vai-", words),
            None,
            differences(inputs, one, {"instanceId": "InstanceId", "deviceName": "Device"}),
        )
        for volume in volumes
        for one in volume.get("Attachments") or ()
        if one.get("State") not in {"detaching", "detached"}
    ]


def _bound_address(account: Account, pending: Pending) -> Sequence[Candidate]:
    """Bound as it was asked to be; anything else the next run binds anew, which AWS takes."""
    inputs = pending.inputs
    found = account.listed(
        "ec2", pending.region, "describe_addresses", "Addresses", AllocationIds=[inputs["allocationId"]]
    )
    same = {"networkInterfaceId": "NetworkInterfaceId", "privateIpAddress": "PrivateIpAddress"}
    return [
        Candidate(one["AssociationId"])
        for one in found
        if one.get("AssociationId") and not differences(inputs, one, same)
    ]


def _hashed(prefix: str, text: str) -> str:
    """Ids of what has none in AWS, as the provider makes them up."""
    return f"{prefix}{zlib.crc32(text.encode())}"


def _role(account: Account, pending: Pending) -> Sequence[Candidate]:
    name = pending.inputs["name"]
    found = account.find("iam", pending.region, "get_role", RoleName=name)
    return [Candidate(name, tags_of(found["Role"].get("Tags") or ()))] if found else []


def _profile(account: Account, pending: Pending) -> Sequence[Candidate]:
    name = pending.inputs["name"]
    found = account.find("iam", pending.region, "get_instance_profile", InstanceProfileName=name)
    return [Candidate(name, tags_of(found["InstanceProfile"].get("Tags") or ()))] if found else []


def _topic(account: Account, pending: Pending) -> Sequence[Candidate]:
    region, end = pending.region, f":{pending.inputs['name']}"
    arns = [one["TopicArn"] for one in account.listed("sns", region, "list_topics", "Topics")]
    return [
        Candidate(arn, tags_of(account.ask("sns", region, "list_tags_for_resource", ResourceArn=arn)["Tags"]))
        for arn in arns
        if arn.endswith(end)
    ]


def _bucket(account: Account, pending: Pending) -> Sequence[Candidate]:
    """AWS gives a bucket its tags in a second call: without any it may be ours, as long as it is empty."""
    name, region = pending.inputs["bucket"], pending.region
    if account.find("s3", region, "head_bucket", Bucket=name) is None:
        return []
    answer = account.ask("s3", region, "list_objects_v2", Bucket=name, MaxKeys=1)
    differs = ("holds objects",) if answer.get("KeyCount") else ()
    try:
        tagged: Any = account.find("s3", region, "get_bucket_tagging", Bucket=name)
    except Exception as error:
        if "NoSuchTagSet" not in str(error):
            raise
        tagged = None
    return [Candidate(name, tags_of(tagged["TagSet"]) if tagged else None, differs)]


def _budget(account: Account, pending: Pending) -> Sequence[Candidate]:
    name, number = pending.inputs["name"], pending.inputs["accountId"]
    found = account.find("budgets", pending.region, "describe_budget", AccountId=number, BudgetName=name)
    return [Candidate(f"{number}:{name}")] if found else []


NATURAL: dict[str, Look] = {
    "aws:budgets/budget:Budget": _budget,
    "aws:ec2/eipAssociation:EipAssociation": _bound_address,
    "aws:ec2/route:Route": _route,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _table_of_subnet,
    "aws:ec2/volumeAttachment:VolumeAttachment": _attachment,
    "aws:iam/instanceProfile:InstanceProfile": _profile,
    "aws:iam/role:Role": _role,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:sns/topic:Topic": _topic,
}
