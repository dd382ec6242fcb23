"""Route 53 health checks."""

import uuid
from typing import Any

from lab.aws.base import Aws, State, Values
from lab.aws.kinds.dns import Route53Kind

_CONFIG = {
    "type": "Type",
    "ipAddress": "IPAddress",
    "port": "Port",
    "fqdn": "FullyQualifiedDomainName",
    "resourcePath": "ResourcePath",
    "searchString": "SearchString",
    "requestInterval": "RequestInterval",
    "failureThreshold": "FailureThreshold",
    "measureLatency": "MeasureLatency",
    "invertHealthcheck": "Inverted",
    "disabled": "Disabled",
    "enableSni": "EnableSNI",
    "childHealthchecks": "ChildHealthChecks",
    "childHealthThreshold": "HealthThreshold",
    "regions": "Regions",
}
_FIXED = frozenset({"type", "requestInterval", "measureLatency"})


class HealthCheck(Route53Kind):
    """A check of an endpoint, or one calculated from others."""

    resource_type = "aws:route53/healthCheck:HealthCheck"
    tagged_as = "healthcheck"
    served = frozenset({"referenceName", "tags", *_CONFIG})
    replaces = _FIXED | {"referenceName"}
    settled = frozenset({"enableSni"})
    defaults = {"disabled": False, "invertHealthcheck": False, "measureLatency": False}
    sets = frozenset({"regions", "childHealthchecks"})
    unread = frozenset({"referenceName"})

    def make(self, aws: Aws, wanted: Values) -> str:
        prefix = wanted.get("referenceName", "standin")
        identity: str = aws(
            "create_health_check",
            CallerReference=f"{prefix}-{uuid.uuid4()}",
            HealthCheckConfig=_config(wanted),
        )["HealthCheck"]["Id"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        self.retag(aws, identity, {}, self.all_tags(wanted))

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        config = aws("get_health_check", HealthCheckId=identity)["HealthCheck"]["HealthCheckConfig"]
        told = {name: config[key] for name, key in _CONFIG.items() if config.get(key) not in (None, [], "")}
        state: State = {**self.defaults, **told}
        state |= {"arn": f"arn:aws:route53:::healthcheck/{identity}", "tags": self.tags_of(aws, identity)}
        return state

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        names -= {"tags"}
        if names:
            config = _config({**{name: self.defaults.get(name) for name in names}, **wanted})
            aws(
                "update_health_check",
                HealthCheckId=identity,
                **{key: config[key] for name, key in _CONFIG.items() if key in config and name not in _FIXED},
            )

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_health_check", HealthCheckId=identity)


def _config(wanted: Values) -> dict[str, Any]:
    return {key: wanted[name] for name, key in _CONFIG.items() if wanted.get(name) is not None}
