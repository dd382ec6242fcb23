"""What outlives machines: keys, queue volumes, the bucket for evidence of drills."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from fleet.aws.layout import zone_index
from fleet.spec.aws import Evidence
from fleet.topology import FleetNode
from infra.substrates.aws.cloud import Cloud

DELETION_WINDOW_DAYS = 30
VOLUME_TYPE = "gp3"


@dataclass(frozen=True)
class SpoolsArgs:
    """A site's mail servers, each of which gets a volume of its own."""

    nodes: Sequence[FleetNode]
    gigabytes: int


class Storage(pulumi.ComponentResource):
    """A site's encryption key and queue volumes; `spools` are volume ids by node."""

    def __init__(self, site: str, args: SpoolsArgs, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:Storage", site)
        kept = cloud.at(site, self, protect=True)
        key = aws.kms.Key(
            site,
            description=f"Disks, queues and alarms of {cloud.name} in {site}",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=key_policy(cloud.spec.account),
            tags=cloud.tags(site),
            opts=kept,
        )
        aws.kms.Alias(
            site,
            name=f"alias/mtafleet-{cloud.name}-{site}",
            target_key_id=key.key_id,
            opts=cloud.at(site, self),
        )
        self.key_arn = key.arn
        self.spools = {node.name: self._spool(node, args.gigabytes, cloud).id for node in args.nodes}
        self.register_outputs({"key_arn": self.key_arn, "spools": self.spools})

    def _spool(self, node: FleetNode, gigabytes: int, cloud: Cloud) -> aws.ebs.Volume:
        place = cloud.places[node.site]
        return aws.ebs.Volume(
            node.name,
            availability_zone=place.zones[zone_index(cloud.networks[node.site], node.address)],
            size=gigabytes,
            type=VOLUME_TYPE,
            encrypted=True,
            kms_key_id=self.key_arn,
            tags=cloud.tags(f"{node.name}-spool"),
            opts=cloud.at(node.site, self, protect=True),
        )


def key_policy(account: str) -> str:
    """The account rules the key; alarms and budgets may write to topics that it encrypts."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Account",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                },
                {
                    "Sid": "Alarms",
                    "Effect": "Allow",
                    "Principal": {"Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]},
                    "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                },
            ],
        }
    )


@dataclass(frozen=True)
class EvidenceArgs:
    """The bucket as the environment file has it, and the key that encrypts it."""

    evidence: Evidence
    key_arn: pulumi.Input[str]


class EvidenceBucket(pulumi.ComponentResource):
    """Keeps evidence of drills: every version, encrypted, locked, closed to the public."""

    def __init__(self, args: EvidenceArgs, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:EvidenceBucket", "evidence")
        inside = cloud.at(args.evidence.site, self)
        bucket = aws.s3.Bucket(
            "evidence",
            bucket=args.evidence.bucket,
            object_lock_enabled=True,
            tags=cloud.tags("evidence"),
            opts=cloud.at(args.evidence.site, self, protect=True),
        )
        aws.s3.BucketPublicAccessBlock(
            "evidence",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=inside,
        )
        versions = aws.s3.BucketVersioning(
            "evidence",
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=inside,
        )
        self._encryption(bucket, args.key_arn, inside)
        self._lock(bucket, versions, args.evidence, cloud)
        self.name = bucket.bucket
        self.register_outputs({"bucket": self.name})

    def _encryption(
        self, bucket: aws.s3.Bucket, key_arn: pulumi.Input[str], inside: pulumi.ResourceOptions
    ) -> None:
        by_default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms", kms_master_key_id=key_arn
        )
        rule = aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
            apply_server_side_encryption_by_default=by_default, bucket_key_enabled=True
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            "evidence", bucket=bucket.id, rules=[rule], opts=inside
        )

    def _lock(
        self, bucket: aws.s3.Bucket, versions: aws.s3.BucketVersioning, evidence: Evidence, cloud: Cloud
    ) -> None:
        retention = aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
            mode="COMPLIANCE", days=evidence.retention_days
        )
        aws.s3.BucketObjectLockConfiguration(
            "evidence",
            bucket=bucket.id,
            rule=aws.s3.BucketObjectLockConfigurationRuleArgs(default_retention=retention),
            opts=cloud.at(evidence.site, self, depends_on=[versions]),
        )
