"""Elastic IPs, what they point to, and their reverse DNS names."""

from typing import Any

from lab.aws.base import Aws, AwsKind, State, Values
from lab.aws.kinds.ec2 import Ec2Kind


class Eip(Ec2Kind):
    """A public address of the account."""

    resource_type = "aws:ec2/eip:Eip"
    noun = "elastic-ip"
    describe = ("describe_addresses", "AllocationIds", "Addresses")
    fields = {
        "publicIp": "PublicIp",
        "allocationId": "AllocationId",
        "associationId": "AssociationId",
        "domain": "Domain",
        "instance": "InstanceId",
        "networkInterface": "NetworkInterfaceId",
        "privateIp": "PrivateIpAddress",
        "networkBorderGroup": "NetworkBorderGroup",
        "publicIpv4Pool": "PublicIpv4Pool",
    }
    served = frozenset({"address", "domain", "networkBorderGroup", "publicIpv4Pool", "tags"})
    replaces = frozenset({"address", "domain", "networkBorderGroup", "publicIpv4Pool"})
    settled = frozenset(
        {"address", "domain", "instance", "networkInterface", "networkBorderGroup", "publicIpv4Pool"}
    )
    unread = frozenset({"address"})

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws(
            "allocate_address",
            Domain=wanted.get("domain", "vpc"),
            Address=wanted.get("address"),
            NetworkBorderGroup=wanted.get("networkBorderGroup"),
            PublicIpv4Pool=wanted.get("publicIpv4Pool"),
            TagSpecifications=self.labels(wanted),
        )
        identity: str = answer["AllocationId"]
        return identity

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        dashed = item["PublicIp"].replace(".", "-")
        domain = "compute-1" if aws.region == "us-east-1" else f"{aws.region}.compute"
        attributes = aws("describe_addresses_attribute", AllocationIds=[identity], Attribute="domain-name")
        pointer = next((one.get("PtrRecord") for one in attributes["Addresses"]), None)
        return {"publicDns": f"ec2-{dashed}.{domain}.amazonaws.com", "ptrRecord": pointer}

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        item = self.item(aws, identity)
        if item and item.get("AssociationId"):
            aws("disassociate_address", AssociationId=item["AssociationId"])
        aws("release_address", AllocationId=identity)


class EipAssociation(AwsKind):
    """An Elastic IP on one private address of an interface. Any change makes a new association."""

    resource_type = "aws:ec2/eipAssociation:EipAssociation"
    served = frozenset(
        {
            "allocationId",
            "allowReassociation",
            "instanceId",
            "networkInterfaceId",
            "privateIpAddress",
            "publicIp",
        }
    )
    replaces = served
    settled = frozenset({"allocationId", "instanceId", "networkInterfaceId", "privateIpAddress", "publicIp"})
    unread = frozenset({"allowReassociation"})

    def make(self, aws: Aws, wanted: Values) -> str:
        identity: str = aws(
            "associate_address",
            AllocationId=wanted.get("allocationId"),
            PublicIp=wanted.get("publicIp"),
            InstanceId=wanted.get("instanceId"),
            NetworkInterfaceId=wanted.get("networkInterfaceId"),
            PrivateIpAddress=wanted.get("privateIpAddress"),
            AllowReassociation=wanted.get("allowReassociation"),
        )["AssociationId"]
        return identity

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        filters = [{"Name": "association-id", "Values": [identity]}]
        items = aws("describe_addresses", Filters=filters)["Addresses"]
        if not items:
            return None
        names = {
            "allocationId": "AllocationId",
            "publicIp": "PublicIp",
            "instanceId": "InstanceId",
            "networkInterfaceId": "NetworkInterfaceId",
            "privateIpAddress": "PrivateIpAddress",
        }
        return {name: items[0][key] for name, key in names.items() if items[0].get(key)}

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("disassociate_address", AssociationId=identity)


class EipDomainName(AwsKind):
    """The reverse DNS name of an Elastic IP; AWS takes it only when the name resolves to the address."""

    resource_type = "aws:ec2/eipDomainName:EipDomainName"
    served = frozenset({"allocationId", "domainName"})
    replaces = frozenset({"allocationId"})

    def make(self, aws: Aws, wanted: Values) -> str:
        identity: str = wanted["allocationId"]
        aws("modify_address_attribute", AllocationId=identity, DomainName=wanted["domainName"])
        return identity

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        answer = aws("describe_addresses_attribute", AllocationIds=[identity], Attribute="domain-name")
        pointer = next((one.get("PtrRecord") for one in answer["Addresses"]), None)
        if not pointer:
            return None
        asked = str(recorded.get("domainName", "")).rstrip(".")
        name = recorded["domainName"] if pointer.rstrip(".") == asked else pointer.rstrip(".")
        return {"allocationId": identity, "domainName": name, "ptrRecord": pointer}

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        self.make(aws, wanted)

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("reset_address_attribute", AllocationId=identity, Attribute="domain-name")
