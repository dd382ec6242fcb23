"""What a machine may do in the account: be reached through Session Manager, raise an alarm, nothing else."""

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.substrates.aws.cloud import Cloud

SESSION_MANAGER = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


class NodeIdentity(pulumi.ComponentResource):
    """The role of every machine of the fleet; `profile` and `role_name` are its names."""

    def __init__(
        self, topics: Sequence[pulumi.Input[str]], keys: Sequence[pulumi.Input[str]], cloud: Cloud
    ) -> None:
        super().__init__("mtafleet:aws:NodeIdentity", "node")
        inside = cloud.at(None, self)
        name = f"mtafleet-{cloud.name}-node"
        role = aws.iam.Role(
            "node",
            name=name,
            description=f"Machines of the mail fleet {cloud.name}",
            assume_role_policy=_ASSUMED_BY_MACHINES,
            tags=cloud.tags("node"),
            opts=inside,
        )
        aws.iam.RolePolicyAttachment("node", role=role.name, policy_arn=SESSION_MANAGER, opts=inside)
        aws.iam.RolePolicy(
            "node",
            role=role.name,
            name="alarms",
            policy=pulumi.Output.all(topics=pulumi.Output.all(*topics), keys=pulumi.Output.all(*keys)).apply(
                lambda known: _alarms_policy(known["topics"], known["keys"])
            ),
            opts=inside,
        )
        self.role_name = role.name
        profile = aws.iam.InstanceProfile(
            "node", name=name, role=role.name, tags=cloud.tags("node"), opts=inside
        )
        self.profile = profile.name
        self.register_outputs({"profile": self.profile})


_ASSUMED_BY_MACHINES = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def _alarms_policy(topics: Sequence[str], keys: Sequence[str]) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sns:Publish", "Resource": sorted(topics)},
                {
                    "Effect": "Allow",
                    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                    "Resource": sorted(keys),
                },
            ],
        }
    )
