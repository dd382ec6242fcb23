"""A simulated AWS with one of each type that recovery looks up, as a provider makes it for the engine."""

import json
from dataclasses import dataclass, field
from typing import Any

from lab.aws.config import ACCOUNT
from tests.aws.driver import Driver, Made
from tests.aws.tokens import (
    ALIAS,
    ATTACHED_VOLUME,
    BUCKET,
    BUDGET,
    EIP,
    EIP_ON,
    GATEWAY,
    GROUP,
    HEALTH,
    INSTANCE,
    KEY,
    PEERING,
    PROFILE,
    RECORD,
    ROLE,
    ROUTE,
    SUBNET,
    TABLE,
    TABLE_OF_SUBNET,
    TOPIC,
    VOLUME,
    VPC,
    ZONE,
)

REGION = "us-east-1"
ZONE_A = f"{REGION}a"
TAGS = {"Name": "dev-one", "mtafleet-environment": "dev"}


@dataclass
class World:
    """What is `made` is what a pending creation could have made; what is in use already could not."""

    east: Driver
    made: list[Made] = field(default_factory=list)

    def born(self, token: str, inputs: dict[str, Any], name: str = "one") -> Made:
        """With the fleet's tags."""
        return self.untagged(token, {**inputs, "tags": {**TAGS, "Name": f"dev-{name}"}}, name)

    def untagged(self, token: str, inputs: dict[str, Any], name: str = "one") -> Made:
        self.made.append(self.in_use(token, inputs, name))
        return self.made[-1]

    def in_use(self, token: str, inputs: dict[str, Any], name: str) -> Made:
        return self.east.create(token, name, inputs)


def world(east: Driver) -> list[Made]:
    """One of each type that has to be looked up."""
    aws = World(east)
    machine = _network(aws)
    _disks(aws, machine)
    _addresses(aws, machine)
    _names(aws)
    _account(aws)
    return aws.made


def _network(aws: World) -> Made:
    vpc = aws.born(VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True})
    other = aws.born(VPC, {"cidrBlock": "10.1.0.0/16"}, "other")
    gateway = aws.born(GATEWAY, {"vpcId": vpc.id})
    aws.born(TABLE, {"vpcId": vpc.id}, "spare")
    table = aws.in_use(TABLE, {"vpcId": vpc.id, "tags": TAGS}, "one")
    to_world = {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway.id}
    aws.untagged(ROUTE, {"routeTableId": table.id, **to_world})
    subnet = aws.born(SUBNET, {"vpcId": vpc.id, "availabilityZone": ZONE_A, "cidrBlock": "10.0.1.0/24"})
    aws.untagged(TABLE_OF_SUBNET, {"subnetId": subnet.id, "routeTableId": table.id})
    group = aws.born(GROUP, {"vpcId": vpc.id, "description": "Mail servers"})
    aws.born(PEERING, {"vpcId": vpc.id, "peerVpcId": other.id, "peerRegion": REGION})
    inputs = {
        "ami": "ami-0123456789abcdef0",
        "instanceType": "t3.small",
        "subnetId": subnet.id,
        "privateIp": "10.0.1.10",
        "vpcSecurityGroupIds": [group.id],
    }
    return aws.born(INSTANCE, inputs)


def _disks(aws: World, machine: Made) -> None:
    key = aws.born(KEY, {"description": "Disks"})
    aws.untagged(ALIAS, {"name": "alias/mtafleet-dev", "targetKeyId": key.id})
    aws.born(VOLUME, {"availabilityZone": ZONE_A, "size": 20, "type": "gp3", "encrypted": True})
    spool = aws.in_use(VOLUME, {"availabilityZone": ZONE_A, "size": 8, "type": "gp3"}, "attached")
    device = {"deviceName": "/dev/sdf", "instanceId": machine.id, "volumeId": spool.id}
    aws.untagged(ATTACHED_VOLUME, device)


def _addresses(aws: World, machine: Made) -> None:
    aws.born(EIP, {"domain": "vpc"})
    address = aws.in_use(EIP, {"domain": "vpc", "tags": {**TAGS, "Name": "dev-bound"}}, "bound")
    interface = machine.state["primaryNetworkInterfaceId"]
    place = {"networkInterfaceId": interface, "privateIpAddress": "10.0.1.10"}
    aws.untagged(EIP_ON, {"allocationId": address.id, **place})


def _names(aws: World) -> None:
    zone = aws.born(ZONE, {"name": "mail.example", "comment": "mtafleet dev"})
    often = {"requestInterval": 10, "failureThreshold": 2}
    check = aws.born(HEALTH, {"type": "TCP", "ipAddress": "198.51.100.1", "port": 465, **often})
    whole = {"type": "CALCULATED", "childHealthchecks": [check.id], "childHealthThreshold": 1}
    aws.born(HEALTH, whole, "whole")
    text = {"name": "*.mail.example", "type": "TXT", "ttl": 60, "records": ["v=spf1 -all"]}
    aws.untagged(RECORD, {"zoneId": zone.id, **text})
    steered = {
        "name": "submit.mail.example",
        "type": "A",
        "ttl": 5,
        "records": ["198.51.100.1"],
        "setIdentifier": "virginia-1",
        "multivalueAnswerRoutingPolicy": True,
        "healthCheckId": check.id,
    }
    aws.untagged(RECORD, {"zoneId": zone.id, **steered})


def _account(aws: World) -> None:
    aws.born(ROLE, {"name": "mtafleet-dev", "assumeRolePolicy": json.dumps({"Statement": []})})
    aws.born(PROFILE, {"name": "mtafleet-dev"})
    aws.born(TOPIC, {"name": "mtafleet-dev-east"})
    aws.born(BUCKET, {"bucket": "evidence-of-dev", "objectLockEnabled": True})
    limit = {"limitAmount": "50", "limitUnit": "USD", "timeUnit": "MONTHLY", "budgetType": "COST"}
    aws.untagged(BUDGET, {"name": "mtafleet-dev", "accountId": ACCOUNT, **limit})
