"""The resource types the stand-in serves, by type token."""

from lab.aws.base import AwsKind
from lab.aws.kinds.addresses import Eip, EipAssociation, EipDomainName
from lab.aws.kinds.alarms import Budget, MetricAlarm, Topic, TopicPolicy, TopicSubscription
from lab.aws.kinds.dns import Record, Zone
from lab.aws.kinds.encryption import Alias, Key
from lab.aws.kinds.health import HealthCheck
from lab.aws.kinds.identity import InstanceProfile, Role, RolePolicy, RolePolicyAttachment
from lab.aws.kinds.instances import Instance
from lab.aws.kinds.interfaces import NetworkInterface, NetworkInterfaceAttachment
from lab.aws.kinds.network import InternetGateway, Subnet, Vpc
from lab.aws.kinds.routing import (
    Route,
    RouteTable,
    RouteTableAssociation,
    VpcPeeringConnection,
    VpcPeeringConnectionAccepter,
)
from lab.aws.kinds.security import SecurityGroup, SecurityGroupEgressRule, SecurityGroupIngressRule
from lab.aws.kinds.storage import (
    Bucket,
    BucketObjectLockConfiguration,
    BucketOwnershipControls,
    BucketPolicy,
    BucketPublicAccessBlock,
    BucketServerSideEncryptionConfiguration,
    BucketVersioning,
)
from lab.aws.kinds.volumes import Volume, VolumeAttachment

_CLASSES: tuple[type[AwsKind], ...] = (
    Alias,
    Bucket,
    BucketObjectLockConfiguration,
    BucketOwnershipControls,
    BucketPolicy,
    BucketPublicAccessBlock,
    BucketServerSideEncryptionConfiguration,
    BucketVersioning,
    Budget,
    Eip,
    EipAssociation,
    EipDomainName,
    HealthCheck,
    Instance,
    InstanceProfile,
    InternetGateway,
    Key,
    MetricAlarm,
    NetworkInterface,
    NetworkInterfaceAttachment,
    Record,
    Role,
    RolePolicy,
    RolePolicyAttachment,
    Route,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    SecurityGroupEgressRule,
    SecurityGroupIngressRule,
    Subnet,
    Topic,
    TopicPolicy,
    TopicSubscription,
    Volume,
    VolumeAttachment,
    Vpc,
    VpcPeeringConnection,
    VpcPeeringConnectionAccepter,
    Zone,
)

KINDS: dict[str, type[AwsKind]] = {kind.resource_type: kind for kind in _CLASSES}
