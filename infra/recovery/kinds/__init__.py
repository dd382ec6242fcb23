"""How each type of AWS resource that the program makes is found again without its id.

Three ways: by its `Name` tag where AWS would make a second one without a word; by its natural key where AWS
knows only one; not at all where making it again changes nothing.
"""

from infra.recovery.account import Account
from infra.recovery.kinds.base import ById, Look
from infra.recovery.kinds.dns import DNS, DNS_BY_ID
from infra.recovery.kinds.ec2 import BY_NAME_TAG
from infra.recovery.kinds.kms import KMS, KMS_BY_ID
from infra.recovery.kinds.natural import NATURAL
from infra.recovery.model import Candidate, Pending

LOOKS: dict[str, Look] = {**BY_NAME_TAG, **NATURAL, **KMS, **DNS}
"""By type: what AWS shows that a pending creation may have made."""

_BY_ID: dict[str, ById] = {
    **{kind: look.by_id for kind, look in BY_NAME_TAG.items()},
    **KMS_BY_ID,
    **DNS_BY_ID,
}


def by_id(account: Account, pending: Pending, identity: str) -> Candidate | None:
    """What AWS has of the pending creation's type under an id; None when nothing.

    What has no id of its own in AWS is looked up by its natural key.
    """
    if pending.type in _BY_ID:
        return _BY_ID[pending.type](account, pending, identity)
    look = LOOKS.get(pending.type)
    if look is None:
        return Candidate(identity, None, ("this version of mtafleet cannot look up",))
    return next((one for one in look(account, pending) if one.id == identity), None)


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

__all__ = ["LOOKS", "REPEATABLE", "SILENTLY_TWICE", "Look", "by_id"]
