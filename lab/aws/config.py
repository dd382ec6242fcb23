"""The configuration of one provider: its region, its endpoints, and the tags it puts on everything."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from lab.aws.signatures import PROVIDER, signature
from providerkit.kind import Problem, ProviderError
from providerkit.values import Json, Properties

ACCOUNT = "123456789012"
"""The account moto pretends to be."""
_RETRIES = 8
_REMEDY = "start `python -m lab.aws.server` and set AWS_ENDPOINT_URL to the address it prints"


@dataclass(frozen=True)
class Config:
    """`endpoints` are addresses by service; the entry "" serves all other services."""

    region: str
    endpoints: Mapping[str, str]
    retries: int = _RETRIES
    default_tags: Mapping[str, str] = field(default_factory=dict)

    def endpoint(self, service: str) -> str:
        """Return where `service` is; ProviderError when that is unknown or not this computer."""
        address = self.endpoints.get(service) or self.endpoints.get("")
        if not address:
            raise ProviderError(f"no endpoint for AWS's {service}: this is a stand-in for tests; {_REMEDY}")
        if not is_loopback(address):
            raise ProviderError(
                f"endpoint {address} is not on loopback: this stand-in never speaks to AWS; {_REMEDY}, "
                "or use the official provider"
            )
        return address


def is_loopback(address: str) -> bool:
    """Tell whether a URL's host is this computer; a name other than localhost never is."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_config(given: Properties) -> list[Problem]:
    """Return what is wrong with a provider's configuration, as the class `pulumi_aws.Provider` has it."""
    known = {*signature(PROVIDER).inputs, "version", "pluginDownloadURL"}
    problems = [
        Problem(name, f"pulumi_aws.Provider has no property {name}")
        for name in sorted({*given.values, *given.unknown} - known)
    ]
    if "region" not in given.unknown and not _region(given.values):
        problems.append(Problem("region", "no region: give the provider one, or set AWS_REGION"))
    allowed = _decoded(given.values.get("allowedAccountIds"), None)
    if allowed is not None and ACCOUNT not in allowed:
        reason = f"the simulated AWS is account {ACCOUNT}, which is not among {', '.join(allowed)}"
        problems.append(Problem("allowedAccountIds", reason))
    try:
        config = configure(given.values)
        for service in {"ec2", *config.endpoints}:
            config.endpoint(service or "ec2")
    except ProviderError as error:
        problems.append(Problem("endpoints", str(error)))
    return problems


def configure(values: Mapping[str, Json]) -> Config:
    """Read a configuration as the engine sends it: nested values come as JSON text."""
    endpoints = {
        service: address
        for entry in _decoded(values.get("endpoints"), [])
        for service, address in entry.items()
        if address
    }
    if "AWS_ENDPOINT_URL" in os.environ:
        endpoints.setdefault("", os.environ["AWS_ENDPOINT_URL"])
    tags = _decoded(values.get("defaultTags"), {}).get("tags") or {}
    return Config(
        _region(values) or "", endpoints, int(_decoded(values.get("maxRetries"), _RETRIES)), dict(tags)
    )


def _region(values: Mapping[str, Json]) -> str | None:
    return (
        values.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
    )


def _decoded(value: Json, default: Any) -> Any:
    if value is None:
        return default
    return json.loads(value) if isinstance(value, str) else value
