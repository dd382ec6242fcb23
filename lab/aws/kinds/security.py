"""Security groups and their rules, each rule a resource of its own."""

from typing import Any, ClassVar

from lab.aws.base import Aws, State, Values
from lab.aws.kinds.ec2 import Ec2Kind


class SecurityGroup(Ec2Kind):
    """A group without rules: the rule that lets everything out, which EC2 adds, is taken away at once."""

    resource_type = "aws:ec2/securityGroup:SecurityGroup"
    noun = "security-group"
    describe = ("describe_security_groups", "GroupIds", "SecurityGroups")
    fields = {"name": "GroupName", "description": "Description", "vpcId": "VpcId", "ownerId": "OwnerId"}
    served = frozenset({"name", "description", "vpcId", "revokeRulesOnDelete", "tags"})
    replaces = frozenset({"name", "description", "vpcId"})
    settled = frozenset({"ingress", "egress", "vpcId", "namePrefix"})
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
        item = self.item(aws, identity)
        if item.get("IpPermissionsEgress"):
            aws("revoke_security_group_egress", GroupId=identity, IpPermissions=item["IpPermissionsEgress"])

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        item = self.item(aws, identity)
        if recorded.get("revokeRulesOnDelete") and item:
            for way, rules in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
                if item.get(rules):
                    aws(f"revoke_security_group_{way}", GroupId=identity, IpPermissions=item[rules])
        aws("delete_security_group", GroupId=identity)


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
