"""Networks, routes, packet filters and peering, over a simulated AWS."""

from typing import Any

from lab.aws.server.app import Server
from tests.aws.driver import Driver, Made
from tests.aws.life import born, changed, gone, imported, replaces
from tests.aws.tokens import (
    ACCEPTER,
    EGRESS,
    GATEWAY,
    GROUP,
    INGRESS,
    PEERING,
    ROUTE,
    SUBNET,
    TABLE,
    TABLE_OF_SUBNET,
    VPC,
)


def network(driver: Driver, block: str = "10.0.0.0/16") -> Made:
    return born(driver, VPC, {"cidrBlock": block, "tags": {"Name": "fleet"}})


def test_vpc(east: Driver) -> None:
    vpc = network(east)
    assert changed(east, vpc, {"enableDnsHostnames": True, "tags": {"Name": "renamed"}}) == {
        "enableDnsHostnames",
        "tags",
    }
    assert changed(east, vpc, {"tags": None}) == {"tags"}
    assert replaces(east, vpc, {"cidrBlock": "10.9.0.0/16"}) == {"cidrBlock"}
    assert vpc.state["defaultSecurityGroupId"].startswith("sg-")
    imported(east, vpc)
    gone(east, vpc)


def test_drift_is_found(aws: Server, east: Driver) -> None:
    vpc = network(east)
    ec2 = aws.client("ec2")
    ec2.modify_vpc_attribute(VpcId=vpc.id, EnableDnsSupport={"Value": False})
    ec2.create_tags(Resources=[vpc.id], Tags=[{"Key": "Name", "Value": "drifted"}])
    read = east.read(vpc)
    assert read is not None
    assert east.diff(read, vpc.inputs) == {"enableDnsSupport": "DELETE", "tags": "UPDATE"}
    east.update(read, vpc.inputs)
    assert east.diff(read, vpc.inputs) == {}
    assert ec2.describe_vpc_attribute(VpcId=vpc.id, Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"]


def test_subnet_gateway_and_routes(east: Driver) -> None:
    vpc = network(east)
    place = {"vpcId": vpc.id, "availabilityZone": "us-east-1a"}
    subnet = born(east, SUBNET, {**place, "cidrBlock": "10.0.1.0/24"})
    assert changed(east, subnet, {"mapPublicIpOnLaunch": True}) == {"mapPublicIpOnLaunch"}
    assert replaces(east, subnet, {"availabilityZone": "us-east-1b", "cidrBlock": "10.0.2.0/24"}) == {
        "availabilityZone",
        "cidrBlock",
    }
    gateway = born(east, GATEWAY, {"vpcId": vpc.id})
    table = born(east, TABLE, {"vpcId": vpc.id})
    everywhere = {"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway.id}
    route = born(east, ROUTE, everywhere)
    imported(east, route, f"{table.id}_0.0.0.0/0")
    # The table leaves routes to resources of their own.
    refreshed = east.read(table)
    assert refreshed is not None
    assert refreshed.state["routes"][0]["gatewayId"] == gateway.id
    assert east.diff(refreshed, table.inputs) == {}
    used = born(east, TABLE_OF_SUBNET, {"routeTableId": table.id, "subnetId": subnet.id})
    imported(east, used, f"{subnet.id}/{table.id}")
    other = born(east, TABLE, {"vpcId": vpc.id}, "other")
    assert changed(east, used, {"routeTableId": other.id}) == {"routeTableId"}
    for one in (used, route, other, table, gateway, subnet, vpc):
        gone(east, one)


def rule(port: int, *networks: str, protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    return {"protocol": protocol, "fromPort": port, "toPort": port, "cidrBlocks": list(networks), **more}


def test_rules_inside_a_group(aws: Server, east: Driver) -> None:
    vpc = network(east)
    mail = [
        rule(25, "0.0.0.0/0"),
        rule(4222, "10.0.0.0/16", "10.1.0.0/16"),
        rule(0, "10.0.0.0/16", protocol="-1"),
    ]
    group = born(east, GROUP, {"vpcId": vpc.id, "ingress": mail, "egress": []})
    assert group.state["name"].startswith("one-")
    reordered = {**group.inputs, "ingress": mail[::-1]}
    assert east.diff(group, reordered) == {}
    assert changed(east, group, {"ingress": [*mail[:1], rule(465, "0.0.0.0/0", description="mail")]}) == {
        "ingress"
    }
    assert changed(east, group, {"egress": [rule(53, "0.0.0.0/0", protocol="udp", self=True)]}) == {"egress"}
    # Somebody opens the administrators' door to the world.
    door = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    aws.client("ec2").authorize_security_group_ingress(GroupId=group.id, IpPermissions=[door])
    read = east.read(group)
    assert read is not None
    assert east.diff(read, group.inputs) == {"ingress": "UPDATE"}
    east.update(read, group.inputs)
    listed = aws.client("ec2").describe_security_groups(GroupIds=[group.id])["SecurityGroups"][0]
    assert sorted(one["FromPort"] for one in listed["IpPermissions"]) == [25, 465]
    gone(east, group)


def test_rules_of_their_own(aws: Server, east: Driver) -> None:
    vpc = network(east)
    group = born(east, GROUP, {"vpcId": vpc.id, "name": "nodes", "description": "nodes"})
    listed = aws.client("ec2").describe_security_groups(GroupIds=[group.id])["SecurityGroups"][0]
    assert listed["IpPermissionsEgress"] == []
    smtp = {"securityGroupId": group.id, "ipProtocol": "tcp", "fromPort": 25, "toPort": 25}
    inward = born(east, INGRESS, {**smtp, "cidrIpv4": "0.0.0.0/0", "tags": {"Name": "smtp"}})
    assert changed(east, inward, {"description": "mail", "toPort": 26}) == {"description", "toPort"}
    assert replaces(east, inward, {"securityGroupId": "sg-00000000000000000"}) == {"securityGroupId"}
    imported(east, inward)
    outward = born(east, EGRESS, {"securityGroupId": group.id, "ipProtocol": "-1", "cidrIpv4": "0.0.0.0/0"})
    assert changed(east, outward, {"cidrIpv4": "10.0.0.0/8"}) == {"cidrIpv4"}
    of_group = {**smtp, "referencedSecurityGroupId": group.id}
    inside = born(east, INGRESS, of_group, "inside")
    assert replaces(east, group, {"name": "other"}) == {"name"}
    for one in (inside, outward, inward, group):
        gone(east, one)


def test_peering_between_regions(east: Driver, west: Driver) -> None:
    here, there = network(east), network(west, "10.1.0.0/16")
    both = {"vpcId": here.id, "peerVpcId": there.id, "peerRegion": "us-west-2", "autoAccept": False}
    asked = born(east, PEERING, {**both, "tags": {"Name": "asked"}})
    assert asked.state["acceptStatus"] == "pending-acceptance"
    accepted = {"vpcPeeringConnectionId": asked.id, "autoAccept": True}
    granted = born(west, ACCEPTER, {**accepted, "tags": {"Name": "granted"}})
    assert granted.state["acceptStatus"] == "active"
    assert (granted.state["vpcId"], granted.state["peerVpcId"]) == (there.id, here.id)
    refreshed = east.read(asked)
    assert refreshed is not None
    assert east.diff(refreshed, asked.inputs) == {}
    table = born(east, TABLE, {"vpcId": here.id})
    route = born(
        east,
        ROUTE,
        {
            "routeTableId": table.id,
            "destinationCidrBlock": "10.1.0.0/16",
            "vpcPeeringConnectionId": asked.id,
        },
    )
    gone(east, route)
    west.delete(granted)  # only forgets it
    gone(east, asked)
    assert west.read(granted) is None
