"""KMS keys and their aliases."""

import json
from collections.abc import Mapping
from typing import Any

from lab.aws.base import Aws, AwsKind, State, Values, text_of


class Key(AwsKind):
    """A key. Deleting it begins the waiting time AWS sets before a key's end; such a key counts as gone."""

    resource_type = "aws:kms/key:Key"
    service = "kms"
    served = frozenset(
        {
            "customerMasterKeySpec",
            "deletionWindowInDays",
            "description",
            "enableKeyRotation",
            "isEnabled",
            "keyUsage",
            "multiRegion",
            "policy",
            "tags",
        }
    )
    replaces = frozenset({"customerMasterKeySpec", "keyUsage", "multiRegion"})
    settled = frozenset({"description", "multiRegion", "policy", "rotationPeriodInDays"})
    defaults = {
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "enableKeyRotation": False,
        "isEnabled": True,
        "keyUsage": "ENCRYPT_DECRYPT",
    }
    documents = frozenset({"policy"})
    unread = frozenset({"deletionWindowInDays"})

    def make(self, aws: Aws, wanted: Values) -> str:
        tags = [{"TagKey": key, "TagValue": value} for key, value in self.all_tags(wanted).items()]
        identity: str = aws(
            "create_key",
            Description=wanted.get("description"),
            KeyUsage=wanted.get("keyUsage", self.defaults["keyUsage"]),
            KeySpec=wanted.get("customerMasterKeySpec", self.defaults["customerMasterKeySpec"]),
            MultiRegion=wanted.get("multiRegion"),
            Policy=text_of(wanted["policy"]) if "policy" in wanted else None,
            Tags=tags or None,
        )["KeyMetadata"]["KeyId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        names = {
            name
            for name in ("enableKeyRotation", "isEnabled")
            if wanted.get(name, self.defaults[name]) != self.defaults[name]
        }
        self.change(aws, identity, wanted, {}, frozenset(names))

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        data = aws("describe_key", KeyId=identity)["KeyMetadata"]
        if data["KeyState"] in {"PendingDeletion", "PendingReplicaDeletion"}:
            return None
        policy = aws("get_key_policy", KeyId=identity, PolicyName="default")["Policy"]
        tags = aws("list_resource_tags", KeyId=identity)["Tags"]
        return {
            "arn": data["Arn"],
            "keyId": data["KeyId"],
            "description": data.get("Description"),
            "keyUsage": data["KeyUsage"],
            "customerMasterKeySpec": data.get("KeySpec"),
            "isEnabled": data["KeyState"] == "Enabled",
            "multiRegion": data.get("MultiRegion", False),
            "enableKeyRotation": aws("get_key_rotation_status", KeyId=identity)["KeyRotationEnabled"],
            "policy": json.dumps(json.loads(policy)),
            "tags": {tag["TagKey"]: tag["TagValue"] for tag in tags},
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if "description" in names:
            aws("update_key_description", KeyId=identity, Description=wanted.get("description", ""))
        if "policy" in names:
            aws("put_key_policy", KeyId=identity, PolicyName="default", Policy=text_of(wanted["policy"]))
        if "enableKeyRotation" in names:
            on = wanted.get("enableKeyRotation", False)
            aws("enable_key_rotation" if on else "disable_key_rotation", KeyId=identity)
        if "isEnabled" in names:
            aws("enable_key" if wanted.get("isEnabled", True) else "disable_key", KeyId=identity)
        done = {"description", "policy", "enableKeyRotation", "isEnabled"}
        super().change(aws, identity, wanted, actual, names - done)

    def retag(self, aws: Aws, identity: str, actual: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        gone = [key for key in actual if key not in wanted]
        if gone:
            aws("untag_resource", KeyId=identity, TagKeys=gone)
        if wanted:
            tags = [{"TagKey": key, "TagValue": value} for key, value in wanted.items()]
            aws("tag_resource", KeyId=identity, Tags=tags)

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        if self.look(aws, identity, recorded) is not None:
            days = recorded.get("deletionWindowInDays", 30)
            aws("schedule_key_deletion", KeyId=identity, PendingWindowInDays=days)


class Alias(AwsKind):
    """A name for a key; its id is the name, which begins with `alias/`."""

    resource_type = "aws:kms/alias:Alias"
    service = "kms"
    served = frozenset({"name", "targetKeyId"})
    replaces = frozenset({"name"})
    settled = frozenset({"namePrefix"})
    named = "name"
    name_prefix = "alias/"

    def make(self, aws: Aws, wanted: Values) -> str:
        name: str = wanted["name"]
        aws("create_alias", AliasName=name, TargetKeyId=wanted["targetKeyId"])
        return name

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        alias = self._find(aws, identity)
        if alias is None:
            return None
        key: Any = alias["TargetKeyId"]
        arn = alias["AliasArn"].partition(":alias/")[0] + f":key/{key}"
        asked = recorded.get("targetKeyId")
        return {
            "name": identity,
            "arn": alias["AliasArn"],
            "targetKeyId": asked if asked in {key, arn} else key,
            "targetKeyArn": arn,
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        aws("update_alias", AliasName=identity, TargetKeyId=wanted["targetKeyId"])

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_alias", AliasName=identity)

    def _find(self, aws: Aws, name: str) -> Any:
        aliases = aws("list_aliases")["Aliases"]
        return next((one for one in aliases if one["AliasName"] == name and one.get("TargetKeyId")), None)
