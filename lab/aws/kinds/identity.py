"""IAM: roles, their policies, instance profiles."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from lab.aws.base import Aws, AwsKind, State, Values, text_of


class _Tagged(AwsKind):
    """A type whose tags IAM keeps by name."""

    service = "iam"
    tagged_as: ClassVar[tuple[str, str]]
    """The end of the tagging operations' names, and their parameter for the name."""

    def labels(self, wanted: Values) -> list[dict[str, str]] | None:
        return [{"Key": k, "Value": v} for k, v in self.all_tags(wanted).items()] or None

    def retag(self, aws: Aws, identity: str, actual: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        noun, parameter = self.tagged_as
        gone = [key for key in actual if key not in wanted]
        if gone:
            aws(f"untag_{noun}", **{parameter: identity}, TagKeys=gone)
        if wanted:
            tags = [{"Key": k, "Value": v} for k, v in wanted.items()]
            aws(f"tag_{noun}", **{parameter: identity}, Tags=tags)


class Role(_Tagged):
    """What an instance may act as; its id is its name."""

    resource_type = "aws:iam/role:Role"
    tagged_as = ("role", "RoleName")
    served = frozenset(
        {
            "assumeRolePolicy",
            "description",
            "forceDetachPolicies",
            "maxSessionDuration",
            "name",
            "path",
            "permissionsBoundary",
            "tags",
        }
    )
    replaces = frozenset({"name", "path"})
    settled = frozenset({"inlinePolicies", "managedPolicyArns", "namePrefix"})
    defaults = {"path": "/", "maxSessionDuration": 3600, "forceDetachPolicies": False}
    documents = frozenset({"assumeRolePolicy"})
    unread = frozenset({"forceDetachPolicies"})
    named = "name"

    def make(self, aws: Aws, wanted: Values) -> str:
        aws(
            "create_role",
            RoleName=wanted["name"],
            AssumeRolePolicyDocument=text_of(wanted["assumeRolePolicy"]),
            Path=wanted.get("path"),
            Description=wanted.get("description"),
            MaxSessionDuration=wanted.get("maxSessionDuration"),
            PermissionsBoundary=wanted.get("permissionsBoundary"),
            Tags=self.labels(wanted),
        )
        name: str = wanted["name"]
        return name

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        role = aws("get_role", RoleName=identity)["Role"]
        return {
            "name": identity,
            "arn": role["Arn"],
            "uniqueId": role["RoleId"],
            "createDate": role["CreateDate"].isoformat(),
            "path": role["Path"],
            "description": role.get("Description"),
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
            "tags": {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if "assumeRolePolicy" in names:
            document = text_of(wanted["assumeRolePolicy"])
            aws("update_assume_role_policy", RoleName=identity, PolicyDocument=document)
        if names & {"description", "maxSessionDuration"}:
            aws(
                "update_role",
                RoleName=identity,
                Description=wanted.get("description", ""),
                MaxSessionDuration=wanted.get("maxSessionDuration", 3600),
            )
        done = {"assumeRolePolicy", "description", "maxSessionDuration"}
        super().change(aws, identity, wanted, actual, names - done)

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        if recorded.get("forceDetachPolicies"):
            for one in aws("list_attached_role_policies", RoleName=identity)["AttachedPolicies"]:
                aws("detach_role_policy", RoleName=identity, PolicyArn=one["PolicyArn"])
            for name in aws("list_role_policies", RoleName=identity)["PolicyNames"]:
                aws("delete_role_policy", RoleName=identity, PolicyName=name)
        aws("delete_role", RoleName=identity)


class RolePolicy(AwsKind):
    """A policy inside a role; its id reads `ROLE:POLICY`."""

    resource_type = "aws:iam/rolePolicy:RolePolicy"
    service = "iam"
    served = frozenset({"role", "name", "policy"})
    replaces = frozenset({"role", "name"})
    settled = frozenset({"namePrefix"})
    documents = frozenset({"policy"})
    named = "name"

    def make(self, aws: Aws, wanted: Values) -> str:
        policy = text_of(wanted["policy"])
        aws("put_role_policy", RoleName=wanted["role"], PolicyName=wanted["name"], PolicyDocument=policy)
        return f"{wanted['role']}:{wanted['name']}"

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        role, _, name = identity.partition(":")
        answer = aws("get_role_policy", RoleName=role, PolicyName=name)
        return {"role": role, "name": name, "policy": json.dumps(answer["PolicyDocument"])}

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        self.make(aws, wanted)

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        role, _, name = identity.partition(":")
        aws("delete_role_policy", RoleName=role, PolicyName=name)


class RolePolicyAttachment(AwsKind):
    """A managed policy on a role. Imported by `ROLE/POLICY_ARN`."""

    resource_type = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    service = "iam"
    served = frozenset({"role", "policyArn"})
    replaces = served

    def make(self, aws: Aws, wanted: Values) -> str:
        aws("attach_role_policy", RoleName=wanted["role"], PolicyArn=wanted["policyArn"])
        return f"{wanted['role']}/{wanted['policyArn']}"

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        role, _, policy = identity.partition("/")
        attached = aws("list_attached_role_policies", RoleName=role)["AttachedPolicies"]
        if policy not in {one["PolicyArn"] for one in attached}:
            return None
        return {"role": role, "policyArn": policy}

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        role, _, policy = identity.partition("/")
        aws("detach_role_policy", RoleName=role, PolicyArn=policy)


class InstanceProfile(_Tagged):
    """What gives an instance its role; its id is its name."""

    resource_type = "aws:iam/instanceProfile:InstanceProfile"
    tagged_as = ("instance_profile", "InstanceProfileName")
    served = frozenset({"name", "path", "role", "tags"})
    replaces = frozenset({"name", "path"})
    settled = frozenset({"namePrefix"})
    defaults = {"path": "/"}
    named = "name"

    def make(self, aws: Aws, wanted: Values) -> str:
        aws(
            "create_instance_profile",
            InstanceProfileName=wanted["name"],
            Path=wanted.get("path"),
            Tags=self.labels(wanted),
        )
        name: str = wanted["name"]
        return name

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        if "role" in wanted:
            aws("add_role_to_instance_profile", InstanceProfileName=identity, RoleName=wanted["role"])

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        profile: Any = aws("get_instance_profile", InstanceProfileName=identity)["InstanceProfile"]
        roles = [role["RoleName"] for role in profile.get("Roles", [])]
        return {
            "name": identity,
            "arn": profile["Arn"],
            "uniqueId": profile["InstanceProfileId"],
            "createDate": profile["CreateDate"].isoformat(),
            "path": profile["Path"],
            "role": roles[0] if roles else None,
            "tags": {tag["Key"]: tag["Value"] for tag in profile.get("Tags", [])},
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if "role" in names:
            self._empty(aws, identity, actual)
            self.settle(aws, identity, wanted)
        super().change(aws, identity, wanted, actual, names - {"role"})

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        self._empty(aws, identity, self.look(aws, identity, recorded) or {})
        aws("delete_instance_profile", InstanceProfileName=identity)

    def _empty(self, aws: Aws, identity: str, actual: Values) -> None:
        if actual.get("role"):
            aws("remove_role_from_instance_profile", InstanceProfileName=identity, RoleName=actual["role"])
