"""What the outgoing Postfix instances' templates see beside the node: transports and where mail enters.

A transport is one sending address at one ISP: its process limit is the ISP's connection limit, its
session limit the ISP's messages per connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from fleet.catalogue import DEFAULT_ISP, Catalogue, Isp, Stage
from fleet.certificates import CHAIN_FILE, KEY_FILE
from fleet.inventory import Instance, NodeModel
from fleet.topology import INBOUND_PROBE_PORT, SendingAddress

DOMAINS_AT_ONCE = 20
"""At an ISP that counts connections per domain: how many domains a transport serves side by side."""


@dataclass(frozen=True, slots=True)
class Transport:
    """One sending address at one ISP, as a service in master.cf and parameters in main.cf."""

    isp: Isp
    address: SendingAddress

    @property
    def name(self) -> str:
        return f"{self.isp.isp}-{self.address.ordinal}"

    @property
    def connections_per_domain(self) -> int:
        return self.isp.limits_at(Stage.ESTABLISHED).connections.value

    @property
    def process_limit(self) -> int:
        """The cap on connections that no destination's concurrency can exceed together."""
        per_domain = self.isp.connections_counted == "per_domain"
        return self.connections_per_domain * (DOMAINS_AT_ONCE if per_domain else 1)

    @property
    def reuse_limit(self) -> int:
        """How often a session may be used again; 0: never, and then caching must be off."""
        return self.isp.limits_at(Stage.ESTABLISHED).messages_per_connection.value - 1

    @property
    def tls_level(self) -> str:
        return "encrypt" if self.isp.tls == "required" else "may"


def scope(node: NodeModel) -> dict[str, Any]:
    """Per pool: transports, routes, sender logins; for all: return paths, retry times, certificate."""
    catalogue = _catalogue()
    return {
        "transports": {one.name: _transports(one, catalogue) for one in node.instances},
        "routes": {one.name: _routes(one, catalogue) for one in node.instances},
        "sender_logins": {one.name: _sender_logins(node, one.name) for one in node.instances},
        "returns": f"relay:[{node.address}]:{INBOUND_PROBE_PORT}",
        "return_paths": [f"{spec.return_path}.{name}" for name, spec in node.environment.domains.items()],
        "retry": catalogue.default.retry,
        "chain_file": CHAIN_FILE,
        "key_file": KEY_FILE,
    }


@cache
def _catalogue() -> Catalogue:
    return Catalogue.load()


def _transports(instance: Instance, catalogue: Catalogue) -> list[Transport]:
    return [Transport(isp, address) for isp in catalogue.isps.values() for address in instance.addresses]


def _routes(instance: Instance, catalogue: Catalogue) -> Mapping[str, tuple[tuple[str, ...], list[str]]]:
    """ISP -> (its known domains, the names of the transports that share its mail)."""
    return {
        isp.isp: (isp.domains, [f"{isp.isp}-{one.ordinal}" for one in instance.addresses])
        for isp in catalogue.isps.values()
        if isp.domains or isp.isp == DEFAULT_ISP
    }


def _sender_logins(node: NodeModel, pool: str) -> Mapping[str, list[str]]:
    """Sender address or `@domain` -> the pool's users that may use it in the envelope."""
    owners: dict[str, list[str]] = {}
    for name, user in node.environment.users.items():
        for sender in user.senders if user.pool == pool else ():
            owners.setdefault(sender.lower(), []).append(name)
    return owners
