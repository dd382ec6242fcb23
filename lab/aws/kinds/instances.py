"""Instances."""

import base64
from typing import Any

from lab.aws.base import Aws, State, Values
from lab.aws.kinds.ec2 import Ec2Kind

_METADATA = {
    "httpEndpoint": "HttpEndpoint",
    "httpTokens": "HttpTokens",
    "httpPutResponseHopLimit": "HttpPutResponseHopLimit",
    "httpProtocolIpv6": "HttpProtocolIpv6",
    "instanceMetadataTags": "InstanceMetadataTags",
}
_ROOT = {
    "volumeSize": "VolumeSize",
    "volumeType": "VolumeType",
    "encrypted": "Encrypted",
    "kmsKeyId": "KmsKeyId",
    "iops": "Iops",
    "throughput": "Throughput",
    "deleteOnTermination": "DeleteOnTermination",
}
_ROOT_NAME = "/dev/sda1"
"""What the simulated AWS calls the first disk of images it does not know."""
_MACHINE = frozenset({"instanceType", "userData", "userDataBase64", "ebsOptimized"})
"""What is changed while the instance is stopped."""
_SWITCHES = {
    "disableApiTermination": ("DisableApiTermination", "disableApiTermination"),
    "disableApiStop": ("DisableApiStop", "disableApiStop"),
}


class Instance(Ec2Kind):
    """A machine; terminated ones count as gone."""

    resource_type = "aws:ec2/instance:Instance"
    noun = "instance"
    fields = {
        "ami": "ImageId",
        "instanceType": "InstanceType",
        "keyName": "KeyName",
        "subnetId": "SubnetId",
        "privateIp": "PrivateIpAddress",
        "privateDns": "PrivateDnsName",
        "publicIp": "PublicIpAddress",
        "publicDns": "PublicDnsName",
        "ebsOptimized": "EbsOptimized",
        "sourceDestCheck": "SourceDestCheck",
    }
    served = frozenset(
        {
            "ami",
            "associatePublicIpAddress",
            "availabilityZone",
            "disableApiStop",
            "disableApiTermination",
            "ebsOptimized",
            "iamInstanceProfile",
            "instanceInitiatedShutdownBehavior",
            "instanceType",
            "keyName",
            "metadataOptions",
            "monitoring",
            "networkInterfaces",
            "primaryNetworkInterface",
            "privateIp",
            "rootBlockDevice",
            "secondaryPrivateIps",
            "sourceDestCheck",
            "subnetId",
            "tags",
            "tenancy",
            "userData",
            "userDataBase64",
            "userDataReplaceOnChange",
            "volumeTags",
            "vpcSecurityGroupIds",
        }
    )
    replaces = frozenset(
        {
            "ami",
            "associatePublicIpAddress",
            "availabilityZone",
            "keyName",
            "networkInterfaces",
            "primaryNetworkInterface",
            "privateIp",
            "subnetId",
            "tenancy",
        }
    )
    nested_replaces = {"rootBlockDevice": frozenset({"encrypted", "kmsKeyId"})}
    settled = frozenset(
        {
            "associatePublicIpAddress",
            "availabilityZone",
            "disableApiStop",
            "disableApiTermination",
            "ebsOptimized",
            "iamInstanceProfile",
            "instanceInitiatedShutdownBehavior",
            "keyName",
            "metadataOptions",
            "monitoring",
            "networkInterfaces",
            "placementGroup",
            "primaryNetworkInterface",
            "privateIp",
            "rootBlockDevice",
            "secondaryPrivateIps",
            "securityGroups",
            "sourceDestCheck",
            "subnetId",
            "tenancy",
            "vpcSecurityGroupIds",
        }
    )
    sets = frozenset({"vpcSecurityGroupIds", "secondaryPrivateIps", "networkInterfaces"})
    unread = frozenset(
        {"userDataReplaceOnChange", "associatePublicIpAddress", "volumeTags", "monitoring", "userDataBase64"}
    )

    def item(self, aws: Aws, identity: str) -> Any:
        reservations = aws("describe_instances", InstanceIds=[identity])["Reservations"]
        return reservations[0]["Instances"][0] if reservations else None

    def ended(self, item: Any) -> bool:
        return item["State"]["Name"] in {"terminated", "shutting-down"}

    def make(self, aws: Aws, wanted: Values) -> str:
        placement = {"AvailabilityZone": wanted.get("availabilityZone"), "Tenancy": wanted.get("tenancy")}
        profile = wanted.get("iamInstanceProfile")
        answer = aws(
            "run_instances",
            MinCount=1,
            MaxCount=1,
            ImageId=wanted.get("ami"),
            InstanceType=wanted.get("instanceType"),
            KeyName=wanted.get("keyName"),
            UserData=_user_data(wanted),
            EbsOptimized=wanted.get("ebsOptimized"),
            Monitoring={"Enabled": True} if wanted.get("monitoring") else None,
            DisableApiTermination=wanted.get("disableApiTermination"),
            InstanceInitiatedShutdownBehavior=wanted.get("instanceInitiatedShutdownBehavior"),
            IamInstanceProfile={"Name": profile} if profile else None,
            MetadataOptions=_metadata(wanted),
            BlockDeviceMappings=_root_device(aws, wanted),
            Placement={key: value for key, value in placement.items() if value} or None,
            TagSpecifications=self._all_labels(wanted),
            **_network(wanted),
        )
        identity: str = answer["Instances"][0]["InstanceId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        names = {name for name in ("sourceDestCheck", *_SWITCHES) if name in wanted}
        actual: State = {}
        if wanted.get("secondaryPrivateIps"):
            # Moto does not take them while it makes the instance.
            names.add("secondaryPrivateIps")
            actual = _found_network(self.item(aws, identity))
        self.change(aws, identity, wanted, actual, frozenset(names))

    def _all_labels(self, wanted: Values) -> list[dict[str, Any]]:
        of_volumes = [{"Key": k, "Value": v} for k, v in (wanted.get("volumeTags") or {}).items()]
        volumes = [{"ResourceType": "volume", "Tags": of_volumes}] if of_volumes else []
        return [*(self.labels(wanted) or []), *volumes]

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        return {
            "availabilityZone": item["Placement"].get("AvailabilityZone"),
            "tenancy": item["Placement"].get("Tenancy"),
            "instanceState": item["State"]["Name"],
            "iamInstanceProfile": item.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2]
            or None,
            "metadataOptions": _found_metadata(item),
            "rootBlockDevice": _found_root(aws, item),
            **_found_network(item),
            **_found_attributes(aws, identity, recorded),
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if names & _MACHINE:
            _rebuild(aws, identity, wanted, names)
        if "metadataOptions" in names:
            aws("modify_instance_metadata_options", InstanceId=identity, **(_metadata(wanted) or {}))
        if "vpcSecurityGroupIds" in names:
            aws("modify_instance_attribute", InstanceId=identity, Groups=wanted["vpcSecurityGroupIds"])
        if "sourceDestCheck" in names:
            check = {"Value": wanted["sourceDestCheck"]}
            aws("modify_instance_attribute", InstanceId=identity, SourceDestCheck=check)
        for name, (parameter, _) in _SWITCHES.items():
            if name in names:
                aws("modify_instance_attribute", InstanceId=identity, **{parameter: {"Value": wanted[name]}})
        if "rootBlockDevice" in names:
            _grow_root(aws, wanted, actual)
        if "secondaryPrivateIps" in names:
            _readdress(aws, wanted, actual)
        if "iamInstanceProfile" in names:
            _reprofile(aws, identity, wanted)
        done = {"metadataOptions", "vpcSecurityGroupIds", "sourceDestCheck", "rootBlockDevice"}
        done |= {"secondaryPrivateIps", "iamInstanceProfile", *_SWITCHES, *_MACHINE}
        super().change(aws, identity, wanted, actual, names - done)

    def changed(self, recorded: Any, news: Any) -> dict[str, bool]:
        different = super().changed(recorded, news)
        for name in {"userData", "userDataBase64"} & different.keys():
            different[name] = bool(news.values.get("userDataReplaceOnChange"))
        return different

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("terminate_instances", InstanceIds=[identity])


def _user_data(wanted: Values) -> str | None:
    """Return the user data as text; boto3 encodes it."""
    if "userDataBase64" in wanted:
        return base64.b64decode(wanted["userDataBase64"]).decode()
    text: str | None = wanted.get("userData")
    return text


def _metadata(wanted: Values) -> dict[str, Any] | None:
    given = wanted.get("metadataOptions")
    return {key: given[name] for name, key in _METADATA.items() if name in given} if given else None


def _root_device(aws: Aws, wanted: Values) -> list[dict[str, Any]] | None:
    given = wanted.get("rootBlockDevice")
    if not given:
        return None
    images = aws("describe_images", Filters=[{"Name": "image-id", "Values": [wanted.get("ami", "")]}])[
        "Images"
    ]
    name = images[0]["RootDeviceName"] if images else _ROOT_NAME
    device = {key: given[name] for name, key in _ROOT.items() if name in given}
    return [{"DeviceName": name, "Ebs": {"DeleteOnTermination": True, **device}}]


def _network(wanted: Values) -> dict[str, Any]:
    """Return how the instance is connected: over interfaces of their own, or one made with it."""
    attached = list(wanted.get("networkInterfaces") or [])
    if "primaryNetworkInterface" in wanted:
        attached.append({**wanted["primaryNetworkInterface"], "deviceIndex": 0})
    if attached:
        return {
            "NetworkInterfaces": [
                {"NetworkInterfaceId": one["networkInterfaceId"], "DeviceIndex": one["deviceIndex"]}
                for one in attached
            ]
        }
    first: dict[str, Any] = {
        "DeviceIndex": 0,
        "DeleteOnTermination": True,
        "SubnetId": wanted.get("subnetId"),
        "Groups": wanted.get("vpcSecurityGroupIds"),
        "AssociatePublicIpAddress": wanted.get("associatePublicIpAddress"),
        "PrivateIpAddress": wanted.get("privateIp"),
    }
    given = {key: value for key, value in first.items() if value is not None}
    return {"NetworkInterfaces": [given]} if "SubnetId" in given else {}


def _found_metadata(item: Any) -> State:
    options = item.get("MetadataOptions", {})
    return {name: options[key] for name, key in _METADATA.items() if key in options}


def _found_root(aws: Aws, item: Any) -> State | None:
    for mapping in item.get("BlockDeviceMappings", []):
        if mapping["DeviceName"] == item.get("RootDeviceName", _ROOT_NAME):
            volume = aws("describe_volumes", VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"][0]
            names = {name: key for name, key in _ROOT.items() if name not in {"volumeSize"}}
            state = {name: volume[key] for name, key in names.items() if volume.get(key) is not None}
            return {
                **state,
                "volumeId": volume["VolumeId"],
                "volumeSize": volume["Size"],
                "deleteOnTermination": mapping["Ebs"].get("DeleteOnTermination", True),
                "deviceName": mapping["DeviceName"],
            }
    return None


def _found_network(item: Any) -> State:
    interfaces = sorted(item.get("NetworkInterfaces", []), key=lambda one: one["Attachment"]["DeviceIndex"])
    if not interfaces:
        return {"vpcSecurityGroupIds": sorted(one["GroupId"] for one in item.get("SecurityGroups", []))}
    first = interfaces[0]
    secondary = [one["PrivateIpAddress"] for one in first["PrivateIpAddresses"] if not one.get("Primary")]
    return {
        "primaryNetworkInterfaceId": first["NetworkInterfaceId"],
        "primaryNetworkInterface": {"networkInterfaceId": first["NetworkInterfaceId"]},
        "networkInterfaces": [
            {
                "networkInterfaceId": one["NetworkInterfaceId"],
                "deviceIndex": one["Attachment"]["DeviceIndex"],
            }
            for one in interfaces
        ],
        "vpcSecurityGroupIds": sorted(group["GroupId"] for group in first.get("Groups", [])),
        "secondaryPrivateIps": secondary,
    }


def _found_attributes(aws: Aws, identity: str, recorded: Values) -> State:
    """Read what only `describe_instance_attribute` tells."""
    answer = aws("describe_instance_attribute", InstanceId=identity, Attribute="userData")
    encoded = answer.get("UserData", {}).get("Value", "")
    text = base64.b64decode(encoded).decode() if encoded else ""
    state: State = {}
    if text and "userDataBase64" not in recorded:
        state["userData"] = text
    answer = aws("describe_instance_attribute", InstanceId=identity, Attribute="disableApiTermination")
    state["disableApiTermination"] = answer["DisableApiTermination"]["Value"]
    return state


def _rebuild(aws: Aws, identity: str, wanted: Values, names: frozenset[str]) -> None:
    """Stop the instance, change what needs that, start it again."""
    aws("stop_instances", InstanceIds=[identity])
    if "instanceType" in names:
        kind = {"Value": wanted["instanceType"]}
        aws("modify_instance_attribute", InstanceId=identity, InstanceType=kind)
    if names & {"userData", "userDataBase64"}:
        data = base64.b64encode((_user_data(wanted) or "").encode()).decode()
        aws("modify_instance_attribute", InstanceId=identity, Attribute="userData", Value=data)
    if "ebsOptimized" in names:
        optimized = {"Value": wanted["ebsOptimized"]}
        aws("modify_instance_attribute", InstanceId=identity, EbsOptimized=optimized)
    aws("start_instances", InstanceIds=[identity])


def _grow_root(aws: Aws, wanted: Values, actual: Values) -> None:
    names = {"volumeSize": "Size", "volumeType": "VolumeType", "iops": "Iops", "throughput": "Throughput"}
    given = wanted.get("rootBlockDevice") or {}
    changed = {key: given[name] for name, key in names.items() if name in given}
    aws("modify_volume", VolumeId=actual["rootBlockDevice"]["volumeId"], **changed)


def _readdress(aws: Aws, wanted: Values, actual: Values) -> None:
    interface, present = actual["primaryNetworkInterfaceId"], actual.get("secondaryPrivateIps") or []
    asked = wanted.get("secondaryPrivateIps") or []
    gone, new = [one for one in present if one not in asked], [one for one in asked if one not in present]
    if gone:
        aws("unassign_private_ip_addresses", NetworkInterfaceId=interface, PrivateIpAddresses=gone)
    if new:
        aws("assign_private_ip_addresses", NetworkInterfaceId=interface, PrivateIpAddresses=new)


def _reprofile(aws: Aws, identity: str, wanted: Values) -> None:
    filters = [{"Name": "instance-id", "Values": [identity]}]
    held = aws("describe_iam_instance_profile_associations", Filters=filters)[
        "IamInstanceProfileAssociations"
    ]
    profile = {"Name": wanted["iamInstanceProfile"]}
    if held:
        aws(
            "replace_iam_instance_profile_association",
            AssociationId=held[0]["AssociationId"],
            IamInstanceProfile=profile,
        )
    else:
        aws("associate_iam_instance_profile", InstanceId=identity, IamInstanceProfile=profile)
