"""What a machine may do in the account: raise an alarm, be reached through Session Manager, nothing else.

AWS's own policy for that (AmazonSSMManagedInstanceCore) also lets a machine read all of Parameter Store.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.substrates.aws.cloud import Cloud

SESSION_MANAGER = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""What Session Manager's agent asks of AWS, and no more; none of it can be held to single resources."""


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
        by_session = not cloud.spec.operator_networks
        aws.iam.RolePolicy(
            "node",
            role=role.name,
            name="machine",
            policy=pulumi.Output.all(topics=pulumi.Output.all(*topics), keys=pulumi.Output.all(*keys)).apply(
                lambda known: _policy(known["topics"], known["keys"], by_session=by_session)
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


def _policy(topics: Sequence[str], keys: Sequence[str], *, by_session: bool) -> str:
    """The policy as JSON. `by_session`: no port is open, the agent's connection is the only way in."""
    statements: list[Mapping[str, Any]] = [
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": sorted(topics)},
        {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": sorted(keys)},
    ]
    if by_session:
        statements.append({"Effect": "Allow", "Action": list(SESSION_MANAGER), "Resource": "*"})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
