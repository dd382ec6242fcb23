"""Network interfaces with their private addresses, and their attachment to instances."""

from typing import Any

from lab.aws.base import Aws, AwsKind, State, Values
from lab.aws.kinds.ec2 import Ec2Kind


class NetworkInterface(Ec2Kind):
    """An interface of a subnet. With `privateIpListEnabled`, the first of `privateIpLists` is primary."""

    resource_type = "aws:ec2/networkInterface:NetworkInterface"
    noun = "network-interface"
    describe = ("describe_network_interfaces", "NetworkInterfaceIds", "NetworkInterfaces")
    fields = {
        "subnetId": "SubnetId",
        "description": "Description",
        "sourceDestCheck": "SourceDestCheck",
        "privateIp": "PrivateIpAddress",
        "macAddress": "MacAddress",
        "privateDnsName": "PrivateDnsName",
        "ownerId": "OwnerId",
        "interfaceType": "InterfaceType",
    }
    served = frozenset(
        {
            "subnetId",
            "description",
            "privateIp",
            "privateIps",
            "privateIpLists",
            "privateIpListEnabled",
            "securityGroups",
            "sourceDestCheck",
            "tags",
        }
    )
    replaces = frozenset({"subnetId", "privateIp"})
    settled = frozenset(
        {
            "privateIp",
            "privateIps",
            "privateIpLists",
            "privateIpsCount",
            "securityGroups",
            "interfaceType",
            "attachments",
        }
    )
    sets = frozenset({"privateIps", "securityGroups"})
    defaults = {"sourceDestCheck": True}
    unread = frozenset({"privateIpListEnabled"})

    def make(self, aws: Aws, wanted: Values) -> str:
        addresses = _asked(wanted)
        listed = [{"PrivateIpAddress": one, "Primary": at == 0} for at, one in enumerate(addresses)]
        answer = aws(
            "create_network_interface",
            SubnetId=wanted["subnetId"],
            Description=wanted.get("description"),
            Groups=wanted.get("securityGroups"),
            PrivateIpAddresses=listed or None,
            TagSpecifications=self.labels(wanted),
        )
        identity: str = answer["NetworkInterface"]["NetworkInterfaceId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        if wanted.get("sourceDestCheck") is False:
            self.change(aws, identity, wanted, {}, frozenset({"sourceDestCheck"}))

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        addresses = sorted(item.get("PrivateIpAddresses", []), key=lambda one: not one.get("Primary"))
        names = [one["PrivateIpAddress"] for one in addresses]
        state: State = {
            "privateIps": names,
            "privateIpsCount": len(names) - 1,
            "securityGroups": sorted(group["GroupId"] for group in item.get("Groups", [])),
        }
        if recorded.get("privateIpListEnabled"):
            state["privateIpLists"] = names
        attachment = item.get("Attachment")
        if attachment:
            state["attachments"] = [
                {
                    "attachmentId": attachment.get("AttachmentId"),
                    "deviceIndex": attachment.get("DeviceIndex"),
                    "instance": attachment.get("InstanceId"),
                }
            ]
        return state

    def forces_new(self, name: str, before: Any, wanted: Any) -> bool:
        if name == "privateIpLists" and before and wanted:
            return bool(before[0] != wanted[0])  # the primary address stays with its interface
        return super().forces_new(name, before, wanted)

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if names & {"privateIps", "privateIpLists"}:
            _readdress(aws, identity, _asked(wanted), actual)
        modify = "modify_network_interface_attribute"
        if "securityGroups" in names:
            aws(modify, NetworkInterfaceId=identity, Groups=wanted["securityGroups"])
        if "description" in names:
            description = {"Value": wanted.get("description", "")}
            aws(modify, NetworkInterfaceId=identity, Description=description)
        if "sourceDestCheck" in names:
            check = {"Value": wanted.get("sourceDestCheck", True)}
            aws(modify, NetworkInterfaceId=identity, SourceDestCheck=check)
        done = {"privateIps", "privateIpLists", "securityGroups", "description", "sourceDestCheck"}
        super().change(aws, identity, wanted, actual, names - done)

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        item = self.item(aws, identity)
        if item and item.get("Attachment", {}).get("AttachmentId"):
            aws("detach_network_interface", AttachmentId=item["Attachment"]["AttachmentId"], Force=True)
        aws("delete_network_interface", NetworkInterfaceId=identity)


def _asked(wanted: Values) -> list[str]:
    """Return the private addresses that are asked for, the primary one first."""
    listed = wanted.get("privateIpLists") if wanted.get("privateIpListEnabled") else wanted.get("privateIps")
    primary = [wanted["privateIp"]] if "privateIp" in wanted else []
    return primary + [one for one in listed or [] if one not in primary]


def _readdress(aws: Aws, identity: str, asked: list[str], actual: Values) -> None:
    """Make the secondary addresses those asked for; the primary one stays."""
    present = actual["privateIps"]
    gone = [one for one in present if one not in asked and one != actual.get("privateIp")]
    new = [one for one in asked if one not in present]
    if gone:
        aws("unassign_private_ip_addresses", NetworkInterfaceId=identity, PrivateIpAddresses=gone)
    if new:
        aws("assign_private_ip_addresses", NetworkInterfaceId=identity, PrivateIpAddresses=new)


class NetworkInterfaceAttachment(AwsKind):
    """A further interface of an instance."""

    resource_type = "aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment"
    served = frozenset({"instanceId", "networkInterfaceId", "deviceIndex"})
    replaces = served

    def make(self, aws: Aws, wanted: Values) -> str:
        identity: str = aws(
            "attach_network_interface",
            InstanceId=wanted["instanceId"],
            NetworkInterfaceId=wanted["networkInterfaceId"],
            DeviceIndex=wanted["deviceIndex"],
        )["AttachmentId"]
        return identity

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        filters = [{"Name": "attachment.attachment-id", "Values": [identity]}]
        for item in aws("describe_network_interfaces", Filters=filters)["NetworkInterfaces"]:
            attachment = item["Attachment"]
            return {
                "instanceId": attachment.get("InstanceId"),
                "networkInterfaceId": item["NetworkInterfaceId"],
                "deviceIndex": attachment.get("DeviceIndex"),
                "attachmentId": identity,
                "status": attachment.get("Status"),
            }
        return None

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("detach_network_interface", AttachmentId=identity, Force=True)
