"""Policies that AWS manages, found when they are asked for: loading all beforehand takes seconds a time."""

import json
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend

from lab.aws.server.patches.put import put

_OF_AWS = "arn:aws:iam::aws:policy/"


def mend() -> None:
    put(
        IAMBackend,
        attach_role_policy=_knowing(IAMBackend.attach_role_policy),
        get_policy=_knowing(IAMBackend.get_policy),
    )


@cache
def _documents() -> dict[str, Any]:
    documents: dict[str, Any] = json.loads(aws_managed_policies_data)
    return documents


def _knowing(operation: Any) -> Any:
    def knowing(backend: Any, policy_arn: str, *others: Any, **named: Any) -> Any:
        name = policy_arn.rpartition("/")[2]
        known = policy_arn.startswith(_OF_AWS) and policy_arn not in backend.managed_policies
        if known and name in _documents():
            policy = AWSManagedPolicy.from_data(
                name, backend.account_id, backend.region_name, _documents()[name]
            )
            backend.managed_policies[policy.arn] = policy
        return operation(backend, policy_arn, *others, **named)

    return knowing
