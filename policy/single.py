"""Judges of one resource at a time. Each yields what is wrong and what to change."""

from collections.abc import Iterator
from typing import Any

from fleet.invariants import WORLD_OPEN_PORTS
from policy.seen import UNKNOWN, Seen, look

OUTLIVING = frozenset(
    {
        "aws:ec2/eip:Eip",
        "aws:route53/zone:Zone",
        "aws:kms/key:Key",
        "aws:ebs/volume:Volume",
        "aws:s3/bucket:Bucket",
        "mtafleet:index:SharedSecret",
    }
)
"""Losing one of these loses reputation, mail or a name: none can be made again."""

DOMAIN_KEY = "._domainkey."
WORLD = frozenset({"0.0.0.0/0", "::/0"})
ALL_PORTS = range(65_536)
GROUPS = frozenset(
    {
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    }
)
INSTANCE = "aws:ec2/instance:Instance"


def is_protected(one: Seen) -> Iterator[str]:
    """Zones, addresses, keys and queues are removed only after they have been unprotected by name."""
    precious = one.type in OUTLIVING or (
        one.type == "mtafleet:index:PrivateKey" and (DOMAIN_KEY in one.name or one.name == "ssh")
    )
    if precious and not one.protect:
        yield (
            f"`{one.name}` is not protected. Leave it to the stack NAME-foundation, which protects it; "
            "to take an environment down, follow docs/aws.md."
        )


def is_encrypted(one: Seen) -> Iterator[str]:
    """Disks, queues and alarms are encrypted."""
    remedy = "Let the environment file's `aws` section size disks; the program encrypts them."
    if one.type == "aws:ebs/volume:Volume" and _no(one.look("encrypted")):
        yield f"volume `{one.name}` is not encrypted. {remedy}"
    if one.type == INSTANCE:
        if _no(one.look("rootBlockDevice", "encrypted")):
            yield f"the system disk of `{one.name}` is not encrypted. {remedy}"
        for disk in one.items("ebsBlockDevices"):
            if _no(look(disk, "encrypted")):
                yield f"disk {look(disk, 'deviceName')} of `{one.name}` is not encrypted. {remedy}"
    if one.type == "aws:sns/topic:Topic" and one.look("kmsMasterKeyId") is None:
        yield f"topic `{one.name}` has no key. Give it the site's key of the stack NAME-foundation."


def asks_for_signed_metadata(one: Seen) -> Iterator[str]:
    """A machine's metadata is given to signed requests of that machine alone."""
    if one.type == INSTANCE and one.look("metadataOptions", "httpTokens") not in ("required", UNKNOWN):
        yield f"`{one.name}` gives its metadata to unsigned requests: set `httpTokens` to `required`."


def opens_no_admin_port(one: Seen) -> Iterator[str]:
    """Only mail, names and policies are open to everyone."""
    for rule in _ingress(one):
        if not WORLD.isdisjoint(_networks(rule)):
            opened = _ports(rule)
            if opened is not None and not WORLD_OPEN_PORTS.issuperset(opened):
                yield (
                    f"`{one.name}` opens {_written(opened)} to the world. Name your own networks in "
                    "`aws.operator_networks`, or none: Session Manager needs no open port."
                )


SINGLE = {
    "protected": (is_protected, "Zones, addresses, keys and queues are protected."),
    "encrypted": (is_encrypted, "Disks, queues and alarms are encrypted."),
    "signed-metadata": (asks_for_signed_metadata, "Machines give metadata to signed requests only."),
    "admin-ports": (opens_no_admin_port, "No administrative port is open to the world."),
}
"""Judges by the name of their policy, with the statement they hold."""


def _no(value: object) -> bool:
    """Whether it is known not to be true; what is unknown may turn out well."""
    return value is not UNKNOWN and value is not True


def _ingress(one: Seen) -> list[Any]:
    if one.type in (
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    ):
        return one.items("ingress")
    if one.type == "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
        return [one.props]
    if one.type == "aws:ec2/securityGroupRule:SecurityGroupRule" and one.known("type") == "ingress":
        return [one.props]
    return []


def _networks(rule: Any) -> list[str]:
    listed = []
    for key in ("cidrBlocks", "ipv6CidrBlocks"):
        found = look(rule, key)
        if found is not None and found is not UNKNOWN:
            listed += [str(look(found, position)) for position in range(len(found))]
    return [*listed, *(str(look(rule, key)) for key in ("cidrIpv4", "cidrIpv6"))]


def _ports(rule: Any) -> range | None:
    """The ports a rule opens; None for ICMP, whose numbers are no ports."""
    protocol = str(look(rule, "protocol") or look(rule, "ipProtocol"))
    if protocol in ("icmp", "icmpv6", "1", "58"):
        return None
    first, last = look(rule, "fromPort"), look(rule, "toPort")
    if protocol == "-1" or not isinstance(first, int | float) or not isinstance(last, int | float):
        return ALL_PORTS
    return range(int(first), int(last) + 1)


def _written(ports: range) -> str:
    if ports == ALL_PORTS:
        return "every port"
    return f"port {ports[0]}" if len(ports) == 1 else f"ports {ports[0]} to {ports[-1]}"
