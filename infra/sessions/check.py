"""What can be known before the first session: the plugin, the credentials, which machines AWS can reach."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fleet.inventory import NodeOutput
from infra.sessions.client import ssm
from infra.sessions.errors import OutOfReachError, SessionError, explained, not_connected
from infra.sessions.plugin import require_plugin

ASKED_AT_ONCE = 50
"""Machines that one request asks about."""

Client = Callable[[str], Any]
"""A client of Session Manager in an AWS region, as boto3 makes it."""


def check_sessions(nodes: Mapping[str, NodeOutput], client: Client | None = None) -> dict[str, str]:
    """The nodes that cannot be reached through Session Manager now, by name, with the reason.

    SessionError when none can be, or what every session needs is missing: the plugin, credentials, a right,
    a node's instance in the outputs.
    """
    require_plugin()
    problems: dict[str, str] = {}
    by_region: dict[str, dict[str, str]] = defaultdict(dict)
    for name, node in nodes.items():
        if node.session is None:
            raise SessionError(
                f"the stack's outputs do not name the instance of {name}: run `mtafleet up` once"
            )
        by_region[node.session.region][name] = node.session.instance
    with ThreadPoolExecutor(max_workers=max(1, len(by_region))) as workers:
        asked = [workers.submit(_out_of_reach, client or ssm, *one) for one in by_region.items()]
        for answer in asked:
            problems |= answer.result()
    if nodes and len(problems) == len(nodes):
        reasons = "; ".join(dict.fromkeys(problems.values()))
        raise SessionError(f"no node can be reached through Session Manager: {reasons}")
    return problems


def _out_of_reach(client: Client, region: str, instances: Mapping[str, str]) -> dict[str, str]:
    """The nodes of one region that have no connection, with the reason. `instances` are ids by node name."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - takes its time to load

    try:
        states = _states(client(region), list(instances.values()))
    except (BotoCoreError, ClientError) as error:
        problem = explained(error, region)
        if not isinstance(problem, OutOfReachError):
            raise problem from None
        return dict.fromkeys(instances, str(problem))
    return {
        name: not_connected(instance, region)
        for name, instance in instances.items()
        if states.get(instance) != "Online"
    }


def _states(client: Any, instances: Sequence[str]) -> dict[str, str]:
    """`Online`, `ConnectionLost` or `Inactive` by instance; nothing for those that never connected."""
    pages = client.get_paginator("describe_instance_information")
    found: dict[str, str] = {}
    for start in range(0, len(instances), ASKED_AT_ONCE):
        wanted = [{"Key": "InstanceIds", "Values": list(instances[start : start + ASKED_AT_ONCE])}]
        for page in pages.paginate(Filters=wanted):
            found |= {one["InstanceId"]: one["PingStatus"] for one in page["InstanceInformationList"]}
    return found
