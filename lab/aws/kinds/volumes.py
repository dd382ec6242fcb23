"""Volumes and their attachment to instances."""

import zlib
from typing import Any

from lab.aws.base import Aws, AwsKind, State, Values
from lab.aws.kinds.ec2 import Ec2Kind


class Volume(Ec2Kind):
    """A disk of its own. It grows in place; other zones and keys need another one."""

    resource_type = "aws:ebs/volume:Volume"
    noun = "volume"
    describe = ("describe_volumes", "VolumeIds", "Volumes")
    fields = {
        "availabilityZone": "AvailabilityZone",
        "size": "Size",
        "type": "VolumeType",
        "encrypted": "Encrypted",
        "kmsKeyId": "KmsKeyId",
        "iops": "Iops",
        "throughput": "Throughput",
        "multiAttachEnabled": "MultiAttachEnabled",
    }
    _modified = {"size": "Size", "type": "VolumeType", "iops": "Iops", "throughput": "Throughput"}
    served = frozenset(
        {"availabilityZone", "encrypted", "kmsKeyId", "finalSnapshot", "snapshotId", "tags", *_modified}
    )
    replaces = frozenset({"availabilityZone", "encrypted", "kmsKeyId", "snapshotId"})
    settled = frozenset(
        {"encrypted", "kmsKeyId", "iops", "size", "snapshotId", "throughput", "type", "multiAttachEnabled"}
    )
    unread = frozenset({"finalSnapshot"})

    def make(self, aws: Aws, wanted: Values) -> str:
        identity: str = aws(
            "create_volume",
            AvailabilityZone=wanted["availabilityZone"],
            Size=wanted.get("size"),
            VolumeType=wanted.get("type"),
            Encrypted=wanted.get("encrypted"),
            KmsKeyId=wanted.get("kmsKeyId"),
            SnapshotId=wanted.get("snapshotId"),
            Iops=wanted.get("iops"),
            Throughput=wanted.get("throughput"),
            TagSpecifications=self.labels(wanted),
        )["VolumeId"]
        return identity

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        return {"createTime": item["CreateTime"].isoformat(), "snapshotId": item.get("SnapshotId") or None}

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        modified = {
            key: wanted[name] for name, key in self._modified.items() if name in names & wanted.keys()
        }
        if modified:
            aws("modify_volume", VolumeId=identity, **modified)
        super().change(aws, identity, wanted, actual, names - self._modified.keys())

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        if recorded.get("finalSnapshot"):
            aws("create_snapshot", VolumeId=identity)
        aws("delete_volume", VolumeId=identity)


class VolumeAttachment(AwsKind):
    """A volume as a device of an instance. Imported by `DEVICE:VOLUME:INSTANCE`."""

    resource_type = "aws:ec2/volumeAttachment:VolumeAttachment"
    served = frozenset(
        {"deviceName", "instanceId", "volumeId", "forceDetach", "skipDestroy", "stopInstanceBeforeDetaching"}
    )
    replaces = frozenset({"deviceName", "instanceId", "volumeId"})
    unread = frozenset({"forceDetach", "skipDestroy", "stopInstanceBeforeDetaching"})

    def make(self, aws: Aws, wanted: Values) -> str:
        device, instance, volume = wanted["deviceName"], wanted["instanceId"], wanted["volumeId"]
        aws("attach_volume", Device=device, InstanceId=instance, VolumeId=volume)
        return f"vai-{zlib.crc32(f'{device}-{instance}-{volume}-'.encode())}"

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        if "volumeId" not in recorded:
            device, volume, instance = identity.split(":")
            recorded = {"deviceName": device, "volumeId": volume, "instanceId": instance}
        volumes = aws("describe_volumes", VolumeIds=[recorded["volumeId"]])["Volumes"]
        for one in volumes[0].get("Attachments", []) if volumes else []:
            if one["InstanceId"] == recorded["instanceId"]:
                return {
                    "deviceName": one["Device"],
                    "instanceId": one["InstanceId"],
                    "volumeId": recorded["volumeId"],
                }
        return None

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        if recorded.get("stopInstanceBeforeDetaching"):
            aws("stop_instances", InstanceIds=[recorded["instanceId"]])
        if not recorded.get("skipDestroy"):
            aws(
                "detach_volume",
                VolumeId=recorded["volumeId"],
                InstanceId=recorded["instanceId"],
                Device=recorded["deviceName"],
                Force=recorded.get("forceDetach"),
            )
