"""Security groups, with rules inside them or rules that are resources of their own."""

from typing import Any, ClassVar

from lab.aws.base import Aws, State, Values
from lab.aws.kinds.ec2 import Ec2Kind
from lab.aws.kinds.permissions import Permission, asked, present, told

_WAYS = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}


class SecurityGroup(Ec2Kind):
    """A group. Rules left out here are left to `aws.vpc.SecurityGroupIngressRule` and its sibling.

    The rule that lets everything out, which EC2 adds to every new group, is taken away at once.
    """

    resource_type = "aws:ec2/securityGroup:SecurityGroup"
    noun = "security-group"
    describe = ("describe_security_groups", "GroupIds", "SecurityGroups")
    fields = {"name": "GroupName", "description": "Description", "vpcId": "VpcId", "ownerId": "OwnerId"}
    served = frozenset({"name", "description", "vpcId", "revokeRulesOnDelete", "tags", *_WAYS})
    replaces = frozenset({"name", "description", "vpcId"})
    settled = frozenset({"vpcId", "namePrefix", *_WAYS})
    sets = frozenset(_WAYS)
    defaults = {"description": "Managed by Pulumi", "revokeRulesOnDelete": False}
    unread = frozenset({"revokeRulesOnDelete"})
    named = "name"

    def make(self, aws: Aws, wanted: Values) -> str:
        identity: str = aws(
            "create_security_group",
            GroupName=wanted["name"],
            Description=wanted.get("description", self.defaults["description"]),
            VpcId=wanted.get("vpcId"),
            TagSpecifications=self.labels(wanted),
        )["GroupId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        self.change(aws, identity, {"egress": [], **wanted}, {}, frozenset({*_WAYS} & {"egress", *wanted}))

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        return {
            way: told(present(item.get(listed, [])), recorded.get(way), identity)
            for way, listed in _WAYS.items()
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        item = self.item(aws, identity) if names & _WAYS.keys() else {}
        for way in sorted(names & _WAYS.keys()):
            before, after = present(item.get(_WAYS[way], [])), asked(wanted.get(way) or [], identity)
            _permit(aws, identity, f"revoke_security_group_{way}", before - after)
            _permit(aws, identity, f"authorize_security_group_{way}", after - before)
        super().change(aws, identity, wanted, actual, names - _WAYS.keys())

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        if recorded.get("revokeRulesOnDelete"):
            self.change(aws, identity, {}, {}, frozenset(_WAYS))
        aws("delete_security_group", GroupId=identity)


def _permit(aws: Aws, group: str, operation: str, permissions: frozenset[Permission]) -> None:
    if permissions:
        aws(operation, GroupId=group, IpPermissions=[one.as_ec2() for one in sorted(permissions)])


class _Rule(Ec2Kind):
    """One permission of one group, changed in place."""

    way: ClassVar[str]
    noun = "security-group-rule"
    describe = ("describe_security_group_rules", "SecurityGroupRuleIds", "SecurityGroupRules")
    fields = {
        "ipProtocol": "IpProtocol",
        "securityGroupId": "GroupId",
        "securityGroupRuleId": "SecurityGroupRuleId",
        "cidrIpv4": "CidrIpv4",
        "cidrIpv6": "CidrIpv6",
        "prefixListId": "PrefixListId",
        "description": "Description",
    }
    served = frozenset(
        {
            "ipProtocol",
            "securityGroupId",
            "cidrIpv4",
            "cidrIpv6",
            "description",
            "fromPort",
            "toPort",
            "prefixListId",
            "referencedSecurityGroupId",
            "tags",
        }
    )
    replaces = frozenset({"securityGroupId"})

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws(
            f"authorize_security_group_{self.way}",
            GroupId=wanted["securityGroupId"],
            IpPermissions=[_permission(wanted)],
            TagSpecifications=self.labels(wanted),
        )
        identity: str = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return identity

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        referenced = item.get("ReferencedGroupInfo") or {}
        state: State = {"referencedSecurityGroupId": referenced.get("GroupId")}
        if item.get("IpProtocol") != "-1":
            state |= {"fromPort": item.get("FromPort"), "toPort": item.get("ToPort")}
        return state

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if names - {"tags"}:
            rule = {"SecurityGroupRuleId": identity, "SecurityGroupRule": _request(wanted)}
            aws(
                "modify_security_group_rules",
                GroupId=wanted["securityGroupId"],
                SecurityGroupRules=[rule],
            )

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws(
            f"revoke_security_group_{self.way}",
            GroupId=recorded["securityGroupId"],
            SecurityGroupRuleIds=[identity],
        )


class SecurityGroupIngressRule(_Rule):
    resource_type = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    way = "ingress"


class SecurityGroupEgressRule(_Rule):
    resource_type = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    way = "egress"


_PEERS = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}


def _ports(wanted: Values) -> dict[str, Any]:
    names = {"fromPort": "FromPort", "toPort": "ToPort"}
    return {key: wanted[name] for name, key in names.items() if name in wanted}


def _permission(wanted: Values) -> dict[str, Any]:
    """Return the rule as the authorizing calls take it."""
    permission = {"IpProtocol": wanted["ipProtocol"], **_ports(wanted)}
    for name, (listed, key) in _PEERS.items():
        if name in wanted:
            peer = {key: wanted[name]}
            if "description" in wanted:
                peer["Description"] = wanted["description"]
            permission[listed] = [peer]
    return permission


def _request(wanted: Values) -> dict[str, Any]:
    """Return the rule as the modifying call takes it."""
    names = {
        "cidrIpv4": "CidrIpv4",
        "cidrIpv6": "CidrIpv6",
        "prefixListId": "PrefixListId",
        "referencedSecurityGroupId": "ReferencedGroupId",
        "description": "Description",
    }
    given = {key: wanted[name] for name, key in names.items() if name in wanted}
    ports = {"FromPort": -1, "ToPort": -1} if wanted["ipProtocol"] == "-1" else _ports(wanted)
    return {"IpProtocol": wanted["ipProtocol"], **ports, **given}
