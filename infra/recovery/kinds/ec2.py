"""EC2's resources, found by their `Name` tag: AWS would make a second one without a word."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.recovery.account import Account
from infra.recovery.kinds.base import IN_USE, at, differences, tags_of
from infra.recovery.model import PLANNED, Candidate, Pending, RecoveryError

_MOST_VALUES = 200
"""Of one filter, by EC2's own limit."""


@dataclass(frozen=True)
class ByNameTag:
    """One type: the call that describes it and the list in its answer.

    `same` are inputs whose value must be at a path of the description; `ended` a path and the states there
    in which AWS only remembers it; `used` a path that is empty as long as nothing uses it, which nothing can
    as long as its creation is pending.
    """

    describe: str
    listed: str
    id: str
    same: Mapping[str, str] = field(default_factory=dict)
    ended: tuple[str, frozenset[str]] = ("", frozenset())
    used: str = ""

    def __call__(self, account: Account, pending: Pending) -> Sequence[Candidate]:
        name = (pending.inputs.get("tags") or {}).get("Name")
        if not name:
            raise RecoveryError(f"{pending.urn} has no tag `Name`, by which AWS could be asked for it")
        filters = [{"Name": "tag:Name", "Values": [name]}]
        items = account.listed("ec2", pending.region, self.describe, self.listed, Filters=filters)
        living = [one for one in self._each(items) if not self._is_ended(one)]
        return [self._candidate(pending, one) for one in living if _name_of(one) == name]

    def by_id(self, account: Account, pending: Pending, identity: str) -> Candidate | None:
        """What AWS has of this type under an id, tagged or not."""
        chosen = {f"{self.id}s": [identity]}
        items = account.listed("ec2", pending.region, self.describe, self.listed, **chosen)
        living = [one for one in self._each(items) if not self._is_ended(one)]
        return self._candidate(pending, living[0]) if living else None

    def present(self, account: Account, region: str, names: Sequence[str]) -> set[str]:
        """Which of these values of the tag `Name` AWS has, in as few calls as it takes."""
        found: set[str] = set()
        for start in range(0, len(names), _MOST_VALUES):
            filters = [{"Name": "tag:Name", "Values": list(names[start : start + _MOST_VALUES])}]
            items = account.listed("ec2", region, self.describe, self.listed, Filters=filters)
            found |= {_name_of(one) for one in self._each(items)}
        return found

    def _compared(self, pending: Pending, item: Any) -> Mapping[str, str]:
        """Without a name that the provider makes up: a plan to make a second one makes up another."""
        made_up = re.compile(re.escape(pending.name) + r"-[0-9a-f]{7}")
        names = (str(pending.inputs.get("name", "")), str(at(item, self.same.get("name", "")) or ""))
        if pending.operation == PLANNED and all(map(made_up.fullmatch, names)):
            return {name: path for name, path in self.same.items() if name != "name"}
        return self.same

    def _each(self, items: Any) -> Any:
        for one in items:
            yield from one["Instances"] if self.listed == "Reservations" else (one,)

    def _is_ended(self, item: Any) -> bool:
        path, states = self.ended
        return bool(path) and at(item, path) in states

    def _candidate(self, pending: Pending, item: Any) -> Candidate:
        differs = differences(pending.inputs, item, self._compared(pending, item))
        if self.used and at(item, self.used):
            differs += (IN_USE,)
        return Candidate(item[self.id], tags_of(item.get("Tags") or ()), differs)


def _name_of(item: Any) -> str:
    return tags_of(item.get("Tags") or ()).get("Name", "")


BY_NAME_TAG: dict[str, ByNameTag] = {
    "aws:ec2/eip:Eip": ByNameTag("describe_addresses", "Addresses", "AllocationId", used="AssociationId"),
    "aws:ebs/volume:Volume": ByNameTag(
        "describe_volumes",
        "Volumes",
        "VolumeId",
        {"availabilityZone": "AvailabilityZone", "size": "Size", "type": "VolumeType"},
        ("State", frozenset({"deleting", "deleted"})),
        "Attachments",
    ),
    "aws:ec2/instance:Instance": ByNameTag(
        "describe_instances",
        "Reservations",
        "InstanceId",
        {
            "ami": "ImageId",
            "instanceType": "InstanceType",
            "privateIp": "PrivateIpAddress",
            "subnetId": "SubnetId",
        },
        ("State.Name", frozenset({"shutting-down", "terminated"})),
    ),
    "aws:ec2/vpc:Vpc": ByNameTag("describe_vpcs", "Vpcs", "VpcId", {"cidrBlock": "CidrBlock"}),
    "aws:ec2/subnet:Subnet": ByNameTag(
        "describe_subnets",
        "Subnets",
        "SubnetId",
        {"vpcId": "VpcId", "cidrBlock": "CidrBlock", "availabilityZone": "AvailabilityZone"},
    ),
    "aws:ec2/internetGateway:InternetGateway": ByNameTag(
        "describe_internet_gateways", "InternetGateways", "InternetGatewayId"
    ),
    "aws:ec2/routeTable:RouteTable": ByNameTag(
        "describe_route_tables", "RouteTables", "RouteTableId", {"vpcId": "VpcId"}, used="Associations"
    ),
    "aws:ec2/securityGroup:SecurityGroup": ByNameTag(
        "describe_security_groups",
        "SecurityGroups",
        "GroupId",
        {"vpcId": "VpcId", "name": "GroupName", "description": "Description"},
    ),
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": ByNameTag(
        "describe_vpc_peering_connections",
        "VpcPeeringConnections",
        "VpcPeeringConnectionId",
        {"vpcId": "RequesterVpcInfo.VpcId", "peerVpcId": "AccepterVpcInfo.VpcId"},
        ("Status.Code", frozenset({"deleted", "deleting", "rejected", "failed", "expired"})),
    ),
}
