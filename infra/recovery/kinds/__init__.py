"""How each type of AWS resource that the program makes is found again without its id.

Three ways: by its `Name` tag where AWS would make a second one without a word; by its natural key where AWS
knows only one; not at all where making it again changes nothing.
"""

from infra.recovery.kinds.base import Look
from infra.recovery.kinds.dns import DNS
from infra.recovery.kinds.ec2 import BY_NAME_TAG
from infra.recovery.kinds.natural import NATURAL

LOOKS: dict[str, Look] = {**BY_NAME_TAG, **NATURAL, **DNS}
"""By type: what AWS shows that a pending creation may have made."""

REPEATABLE = {
    "aws:ec2/eipDomainName:EipDomainName",
    "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topicSubscription:TopicSubscription",
}
"""Settings of something else, and calls that AWS takes twice: made again, they are what they were."""

SILENTLY_TWICE = {
    *BY_NAME_TAG,
    "aws:kms/key:Key",
    "aws:route53/zone:Zone",
    "aws:route53/healthCheck:HealthCheck",
}
"""AWS would make a second one: what it does not show at once may still appear."""

__all__ = ["LOOKS", "REPEATABLE", "SILENTLY_TWICE", "Look"]
