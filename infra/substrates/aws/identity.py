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
    """The role of the fleet's machines; `profile` and `role_name` are its names."""

    def __init__(
        self,
        kind: str,
        topics: Sequence[pulumi.Input[str]],
        keys: Sequence[pulumi.Input[str]],
        cloud: Cloud,
    ) -> None:
        """`kind`: whose it is, `node` or, where the witness may do less than others, `witness`."""
        super().__init__("mtafleet:aws:NodeIdentity", kind)
        inside = cloud.at(None, self)
        name = f"mtafleet-{cloud.name}-{kind}"
        role = aws.iam.Role(
            kind,
            name=name,
            description=f"Machines of the mail fleet {cloud.name}",
            assume_role_policy=_ASSUMED_BY_MACHINES,
            tags=cloud.tags(kind),
            opts=inside,
        )
        by_session = not cloud.spec.operator_networks
        aws.iam.RolePolicy(
            kind,
            role=role.name,
            name="machine",
            policy=pulumi.Output.all(topics=pulumi.Output.all(*topics), keys=pulumi.Output.all(*keys)).apply(
                lambda known: _policy(known["topics"], known["keys"], by_session=by_session)
            ),
            opts=inside,
        )
        self.role_name = role.name
        profile = aws.iam.InstanceProfile(kind, name=name, role=role.name, tags=cloud.tags(kind), opts=inside)
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
