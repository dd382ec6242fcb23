"""Addresses, interfaces, instances and volumes, over a simulated AWS."""

import grpc
import pytest

from lab.aws.server.app import Server
from tests.aws.driver import Driver, Made
from tests.aws.life import born, changed, gone, imported, replaces
from tests.aws.tokens import (
    ATTACHED_INTERFACE,
    ATTACHED_VOLUME,
    EIP,
    EIP_NAME,
    EIP_ON,
    GROUP,
    INSTANCE,
    INTERFACE,
    KEY,
    RECORD,
    SUBNET,
    VOLUME,
    VPC,
    ZONE,
)

IMAGE = "ami-0123456789abcdef0"


@pytest.fixture
def subnet(east: Driver) -> Made:
    vpc = born(east, VPC, {"cidrBlock": "10.0.0.0/16"})
    place = {"vpcId": vpc.id, "availabilityZone": "us-east-1a"}
    return born(east, SUBNET, {**place, "cidrBlock": "10.0.1.0/24"})


def instance(driver: Driver, subnet: Made, name: str = "one", last: int = 50) -> Made:
    return born(
        driver,
        INSTANCE,
        {
            "ami": IMAGE,
            "instanceType": "t3.small",
            "subnetId": subnet.id,
            "privateIp": f"10.0.1.{last}",
            "secondaryPrivateIps": [f"10.0.1.{last + 1}"],
            "metadataOptions": {"httpTokens": "required", "httpEndpoint": "enabled"},
            "rootBlockDevice": {"encrypted": True, "volumeSize": 10, "volumeType": "gp3"},
            "userData": "#!/bin/sh\n",
            "tags": {"Name": name},
        },
        name,
    )


def test_instance_is_changed_in_place_where_it_can_be(east: Driver, subnet: Made) -> None:
    made = instance(east, subnet)
    group = born(east, GROUP, {"vpcId": subnet.inputs["vpcId"]})
    imported(east, made)
    change = {
        "instanceType": "t3.large",
        "metadataOptions": {"httpTokens": "optional", "httpEndpoint": "enabled"},
        "secondaryPrivateIps": ["10.0.1.52", "10.0.1.53"],
        "sourceDestCheck": False,
        "vpcSecurityGroupIds": [group.id],
        "userData": "#!/bin/sh\ntrue\n",
        "rootBlockDevice": {"encrypted": True, "volumeSize": 20, "volumeType": "gp3"},
    }
    assert changed(east, made, change) == set(change)
    anew = {"ami": "ami-1", "privateIp": "10.0.1.9", "rootBlockDevice": {"encrypted": False}}
    assert replaces(east, made, anew) == set(anew)
    assert replaces(east, made, {"userData": "other"}) == set()
    assert replaces(east, made, {"userData": "other", "userDataReplaceOnChange": True}) == {"userData"}
    gone(east, made)


def test_an_interface_outlives_its_instance(aws: Server, east: Driver, subnet: Made) -> None:
    addresses = {"privateIpListEnabled": True, "privateIpLists": ["10.0.1.10", "10.0.1.11"]}
    interface = born(east, INTERFACE, {"subnetId": subnet.id, "description": "mail", **addresses})
    assert interface.state["privateIp"] == "10.0.1.10"
    change = {"privateIpLists": ["10.0.1.10", "10.0.1.12"], "sourceDestCheck": False, "description": "m"}
    assert changed(east, interface, change) == set(change)
    assert replaces(east, interface, {"privateIpLists": ["10.0.1.12"]}) == {"privateIpLists"}
    inputs = {"ami": IMAGE, "instanceType": "t3.small"}
    made = born(east, INSTANCE, {**inputs, "primaryNetworkInterface": {"networkInterfaceId": interface.id}})
    with pytest.raises(grpc.RpcError, match="InUse"):
        east.create(
            INSTANCE, "two", {**inputs, "primaryNetworkInterface": {"networkInterfaceId": interface.id}}
        )
    gone(east, made)
    assert aws.client("ec2").describe_network_interfaces()["NetworkInterfaces"][0]["Status"] == "available"
    gone(east, interface)
    assert aws.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def test_a_second_interface(east: Driver, subnet: Made) -> None:
    made = instance(east, subnet)
    interface = born(east, INTERFACE, {"subnetId": subnet.id, "privateIps": ["10.0.1.20"]})
    where = {"instanceId": made.id, "networkInterfaceId": interface.id, "deviceIndex": 1}
    attached = born(east, ATTACHED_INTERFACE, where)
    for one in (attached, interface, made):
        gone(east, one)


def test_private_addresses_are_used_once(east: Driver, subnet: Made) -> None:
    instance(east, subnet)
    with pytest.raises(grpc.RpcError, match=r"InvalidIPAddress\.InUse"):
        east.create(INTERFACE, "two", {"subnetId": subnet.id, "privateIps": ["10.0.1.51"]})
    with pytest.raises(grpc.RpcError, match="does not fall within"):
        east.create(INTERFACE, "three", {"subnetId": subnet.id, "privateIps": ["10.0.2.1"]})


def test_an_elastic_ip_for_each_private_address_moves_to_a_peer(east: Driver, subnet: Made) -> None:
    first, second = instance(east, subnet), instance(east, subnet, "two", 60)
    addresses = [born(east, EIP, {"domain": "vpc", "tags": {"Name": name}}, name) for name in ("a", "b")]
    assert changed(east, addresses[0], {"tags": {"Name": "z"}}) == {"tags"}
    imported(east, addresses[0])

    def on(address: Made, machine: Made, private: str, *, again: bool = False) -> dict[str, object]:
        return {
            "allocationId": address.id,
            "networkInterfaceId": machine.state["primaryNetworkInterfaceId"],
            "privateIpAddress": private,
            **({"allowReassociation": True} if again else {}),
        }

    held = [
        born(east, EIP_ON, on(address, first, private), private)
        for address, private in zip(addresses, ("10.0.1.50", "10.0.1.51"), strict=True)
    ]
    assert held[0].id != held[1].id
    with pytest.raises(grpc.RpcError, match=r"Resource\.AlreadyAssociated"):
        east.create(EIP_ON, "moved", on(addresses[0], second, "10.0.1.60"))
    with pytest.raises(grpc.RpcError, match="is not an address of"):
        east.create(EIP_ON, "moved", on(addresses[0], second, "10.0.1.99", again=True))
    moved = born(east, EIP_ON, on(addresses[0], second, "10.0.1.60", again=True), "moved")
    assert east.read(held[0]) is None
    assert east.read(held[1]) is not None
    assert replaces(east, moved, {"privateIpAddress": "10.0.1.61"}) == {"privateIpAddress"}
    for one in (moved, held[1], *addresses):
        gone(east, one)


def test_a_reverse_name_needs_its_address_record(aws: Server, east: Driver) -> None:
    address = born(east, EIP, {"domain": "vpc"})
    zone = born(east, ZONE, {"name": "mail.example"})
    asked = {"allocationId": address.id, "domainName": "a.mail.example"}
    with pytest.raises(grpc.RpcError, match=r"a\.mail\.example does not lead to"):
        east.create(EIP_NAME, "early", asked)
    record = {"zoneId": zone.id, "type": "A", "ttl": 60, "records": [address.state["publicIp"]]}
    for name in ("a", "b"):
        born(east, RECORD, {**record, "name": f"{name}.mail.example"}, name)
    pointer = born(east, EIP_NAME, asked)
    assert pointer.state["ptrRecord"] == "a.mail.example."
    aws.client("ec2").modify_address_attribute(AllocationId=address.id, DomainName="b.mail.example")
    drifted = east.read(pointer)
    assert drifted is not None
    assert east.diff(drifted, asked) == {"domainName": "UPDATE"}
    east.update(drifted, asked)
    imported(east, pointer)
    gone(east, pointer)


def test_volumes(east: Driver, subnet: Made) -> None:
    key = born(east, KEY, {"description": "queues", "enableKeyRotation": True, "deletionWindowInDays": 7})
    volume = born(
        east,
        VOLUME,
        {
            "availabilityZone": "us-east-1a",
            "size": 20,
            "type": "gp3",
            "encrypted": True,
            "kmsKeyId": key.state["arn"],
            "tags": {"Name": "spool"},
        },
    )
    assert changed(east, volume, {"size": 40, "tags": {"Name": "queue"}}) == {"size", "tags"}
    assert replaces(east, volume, {"availabilityZone": "us-east-1b", "encrypted": False}) == {
        "availabilityZone",
        "encrypted",
    }
    made = instance(east, subnet)
    where = {"deviceName": "/dev/sdf", "instanceId": made.id, "volumeId": volume.id}
    attached = born(east, ATTACHED_VOLUME, {**where, "stopInstanceBeforeDetaching": True})
    imported(east, attached, f"/dev/sdf:{volume.id}:{made.id}")
    gone(east, attached)
    gone(east, made)
    gone(east, volume)
    assert east.read(key) is not None
    gone(east, key)
