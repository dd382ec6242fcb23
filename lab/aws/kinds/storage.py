"""S3 buckets, and the settings of a bucket that are resources of their own."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from lab.aws.api import ABSENT_SETTINGS, ApiError
from lab.aws.base import Aws, AwsKind, State, Values, text_of


def _setting(aws: Aws, operation: str, bucket: str) -> Any:
    """Return one setting of a bucket; None when it was never made."""
    try:
        return aws(operation, Bucket=bucket)
    except ApiError as error:
        if error.code in ABSENT_SETTINGS:
            return None
        raise


class Bucket(AwsKind):
    """A bucket; `forceDestroy` deletes what is in it."""

    resource_type = "aws:s3/bucket:Bucket"
    service = "s3"
    served = frozenset({"bucket", "forceDestroy", "objectLockEnabled", "tags"})
    replaces = frozenset({"bucket", "objectLockEnabled"})
    settled = frozenset(
        {
            "acl",
            "accelerationStatus",
            "bucketPrefix",
            "corsRules",
            "grants",
            "lifecycleRules",
            "logging",
            "objectLockConfiguration",
            "objectLockEnabled",
            "policy",
            "replicationConfiguration",
            "requestPayer",
            "serverSideEncryptionConfiguration",
            "versioning",
            "website",
            "bucketNamespace",
        }
    )
    defaults = {"forceDestroy": False}
    unread = frozenset({"forceDestroy"})
    named = "bucket"

    def make(self, aws: Aws, wanted: Values) -> str:
        elsewhere = {"LocationConstraint": aws.region} if aws.region != "us-east-1" else None
        aws(
            "create_bucket",
            Bucket=wanted["bucket"],
            CreateBucketConfiguration=elsewhere,
            ObjectLockEnabledForBucket=wanted.get("objectLockEnabled"),
        )
        name: str = wanted["bucket"]
        return name

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        self.retag(aws, identity, {}, self.all_tags(wanted))

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        aws("head_bucket", Bucket=identity)
        region = aws("get_bucket_location", Bucket=identity).get("LocationConstraint") or "us-east-1"
        lock = _setting(aws, "get_object_lock_configuration", identity)
        tags = _setting(aws, "get_bucket_tagging", identity) or {"TagSet": []}
        return {
            "bucket": identity,
            "arn": f"arn:aws:s3:::{identity}",
            "bucketRegion": region,
            "bucketDomainName": f"{identity}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{identity}.s3.{region}.amazonaws.com",
            "objectLockEnabled": lock is not None,
            "tags": {tag["Key"]: tag["Value"] for tag in tags["TagSet"]},
        }

    def retag(self, aws: Aws, identity: str, actual: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        if wanted:
            tags = [{"Key": key, "Value": value} for key, value in wanted.items()]
            aws("put_bucket_tagging", Bucket=identity, Tagging={"TagSet": tags})
        elif actual:
            aws("delete_bucket_tagging", Bucket=identity)

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        if recorded.get("forceDestroy"):
            versions = aws("list_object_versions", Bucket=identity)
            for one in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
                aws("delete_object", Bucket=identity, Key=one["Key"], VersionId=one["VersionId"])
        aws("delete_bucket", Bucket=identity)


class _OfBucket(AwsKind):
    """A setting of one bucket; its id is the bucket's name, and setting it again changes it."""

    service = "s3"
    replaces = frozenset({"bucket"})

    def make(self, aws: Aws, wanted: Values) -> str:
        self.put(aws, wanted["bucket"], wanted)
        name: str = wanted["bucket"]
        return name

    @abstractmethod
    def put(self, aws: Aws, bucket: str, wanted: Values) -> None:
        """Set what is asked for."""

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        self.put(aws, identity, wanted)


class BucketVersioning(_OfBucket):
    resource_type = "aws:s3/bucketVersioning:BucketVersioning"
    served = frozenset({"bucket", "versioningConfiguration"})

    def put(self, aws: Aws, bucket: str, wanted: Values) -> None:
        status = wanted["versioningConfiguration"]["status"]
        aws("put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": status})

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        status = aws("get_bucket_versioning", Bucket=identity).get("Status")
        if status is None:
            return None
        return {"bucket": identity, "versioningConfiguration": {"status": status}}

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        # Versioning can be suspended, not undone; with a lock not even that.
        if _setting(aws, "get_object_lock_configuration", identity) is None:
            aws("put_bucket_versioning", Bucket=identity, VersioningConfiguration={"Status": "Suspended"})


class BucketObjectLockConfiguration(_OfBucket):
    resource_type = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
    served = frozenset({"bucket", "objectLockEnabled", "rule"})
    defaults = {"objectLockEnabled": "Enabled"}

    def put(self, aws: Aws, bucket: str, wanted: Values) -> None:
        configuration: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
        retention = (wanted.get("rule") or {}).get("defaultRetention")
        if retention:
            names = {"mode": "Mode", "days": "Days", "years": "Years"}
            given = {key: retention[name] for name, key in names.items() if name in retention}
            configuration["Rule"] = {"DefaultRetention": given}
        aws("put_object_lock_configuration", Bucket=bucket, ObjectLockConfiguration=configuration)

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        answer = _setting(aws, "get_object_lock_configuration", identity)
        if answer is None:
            return None
        configuration = answer["ObjectLockConfiguration"]
        state: State = {"bucket": identity, "objectLockEnabled": configuration.get("ObjectLockEnabled")}
        retention = configuration.get("Rule", {}).get("DefaultRetention")
        if retention:
            names = {"mode": "Mode", "days": "Days", "years": "Years"}
            given = {name: retention[key] for name, key in names.items() if retention.get(key)}
            state["rule"] = {"defaultRetention": given}
        return state

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        # A lock cannot be taken off a bucket; what can be undone is its default rule.
        aws(
            "put_object_lock_configuration",
            Bucket=identity,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
        )


_BLOCKS = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


class BucketPublicAccessBlock(_OfBucket):
    resource_type = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    served = frozenset({"bucket", "skipDestroy", *_BLOCKS})
    defaults = dict.fromkeys(_BLOCKS, False)
    unread = frozenset({"skipDestroy"})

    def put(self, aws: Aws, bucket: str, wanted: Values) -> None:
        blocks = {key: wanted.get(name, False) for name, key in _BLOCKS.items()}
        aws("put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=blocks)

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        answer = _setting(aws, "get_public_access_block", identity)
        if answer is None:
            return None
        blocks = answer["PublicAccessBlockConfiguration"]
        return {"bucket": identity, **{name: blocks[key] for name, key in _BLOCKS.items()}}

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        if not recorded.get("skipDestroy"):
            aws("delete_public_access_block", Bucket=identity)


class BucketServerSideEncryptionConfiguration(_OfBucket):
    resource_type = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    served = frozenset({"bucket", "rules"})
    sets = frozenset({"rules"})

    def put(self, aws: Aws, bucket: str, wanted: Values) -> None:
        rules = []
        for rule in wanted["rules"]:
            given = rule.get("applyServerSideEncryptionByDefault") or {}
            names = {"sseAlgorithm": "SSEAlgorithm", "kmsMasterKeyId": "KMSMasterKeyID"}
            default = {key: given[name] for name, key in names.items() if name in given}
            rules.append(
                {
                    "ApplyServerSideEncryptionByDefault": default,
                    "BucketKeyEnabled": rule.get("bucketKeyEnabled", False),
                }
            )
        aws("put_bucket_encryption", Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        answer = _setting(aws, "get_bucket_encryption", identity)
        if answer is None:
            return None
        rules = []
        for rule in answer["ServerSideEncryptionConfiguration"]["Rules"]:
            default = rule["ApplyServerSideEncryptionByDefault"]
            given = {"sseAlgorithm": default["SSEAlgorithm"], "kmsMasterKeyId": default.get("KMSMasterKeyID")}
            rules.append(
                {
                    "applyServerSideEncryptionByDefault": {k: v for k, v in given.items() if v},
                    "bucketKeyEnabled": rule.get("BucketKeyEnabled", False),
                }
            )
        return {"bucket": identity, "rules": rules}

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_bucket_encryption", Bucket=identity)


class BucketPolicy(_OfBucket):
    resource_type = "aws:s3/bucketPolicy:BucketPolicy"
    served = frozenset({"bucket", "policy"})
    documents = frozenset({"policy"})

    def put(self, aws: Aws, bucket: str, wanted: Values) -> None:
        aws("put_bucket_policy", Bucket=bucket, Policy=text_of(wanted["policy"]))

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        answer = _setting(aws, "get_bucket_policy", identity)
        return answer and {"bucket": identity, "policy": json.dumps(json.loads(answer["Policy"]))}

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_bucket_policy", Bucket=identity)


class BucketOwnershipControls(_OfBucket):
    resource_type = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    served = frozenset({"bucket", "rule"})

    def put(self, aws: Aws, bucket: str, wanted: Values) -> None:
        rules = [{"ObjectOwnership": wanted["rule"]["objectOwnership"]}]
        aws("put_bucket_ownership_controls", Bucket=bucket, OwnershipControls={"Rules": rules})

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        answer = _setting(aws, "get_bucket_ownership_controls", identity)
        if answer is None:
            return None
        rule = answer["OwnershipControls"]["Rules"][0]
        return {"bucket": identity, "rule": {"objectOwnership": rule["ObjectOwnership"]}}

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_bucket_ownership_controls", Bucket=identity)
