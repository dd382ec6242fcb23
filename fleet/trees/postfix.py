"""What the outgoing Postfix instances' templates see beside the node.

A provider counts the connections that are open, and Postfix keeps some open between messages: a process
that has finished with one domain leaves its session for the next message to that domain and turns to
another domain. So where a cap holds for a provider as a whole, process limit and concurrency stay below it by
what may lie idle.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address
from typing import Any

from fleet import canary
from fleet.aws import queues
from fleet.catalogue import DEFAULT_ISP, Catalogue, Isp
from fleet.certificates import CHAIN_FILE, KEY_FILE
from fleet.inventory import NodeModel
from fleet.return_path import LOCAL_PART, TOKEN_PATTERN
from fleet.routing import FRONT_SOCKET
from fleet.topology import INBOUND_PROBE_PORT
from fleet.transports import InstanceTransports, Transport, instance_transports, steps

BUSY_DOMAINS = 5
"""How many of a provider's domains are thought to be busy at once."""


@dataclass(frozen=True, slots=True)
class Service:
    """A transport with the limits that keep busy and idle connections together within its cap."""

    transport: Transport
    process_limit: int
    destination_concurrency_limit: int

    @classmethod
    def of(cls, transport: Transport, isp: Isp) -> "Service":
        # No domains known means that the provider hosts many.
        domains = min(len(isp.domains) or BUSY_DOMAINS, BUSY_DOMAINS)
        if isp.connections_counted == "per_domain" or domains == 1:
            return cls(transport, transport.process_limit, transport.destination_concurrency_limit)
        each = max(1, transport.process_limit // domains)
        return cls(transport, max(1, transport.process_limit - each), each)


def scope(node: NodeModel) -> dict[str, Any]:
    """Per pool: services, routes, sender logins, peers; for all: return paths, retry times, certificate."""
    catalogue = _catalogue()
    transports = _transports(node)
    return {
        "services": {pool: _services(found, catalogue) for pool, found in transports.items()},
        "routes": {pool: _routes(found, catalogue) for pool, found in transports.items()},
        "default_routes": {pool: _names(found, DEFAULT_ISP) for pool, found in transports.items()},
        "front_socket": FRONT_SOCKET,
        "known_domains": [domain for isp in catalogue.isps.values() for domain in isp.domains],
        "tls_domains": [
            domain for isp in catalogue.isps.values() if isp.tls == "required" for domain in isp.domains
        ],
        "sender_logins": {one.name: _sender_logins(node, one.name) for one in node.instances},
        "peers": {one.name: _peers(node, one.name) for one in node.instances},
        "handed_senders": [
            f"^{LOCAL_PART}\\+{TOKEN_PATTERN}@{re.escape(f'{spec.return_path}.{name}')}$"
            for name, spec in node.environment.domains.items()
        ],
        "canary_user": canary.USER,
        "canaries": {
            address: f"relay:[{home.address}]:{INBOUND_PROBE_PORT}"
            for address, home in canary.recipients(node.fleet).items()
        },
        "returns": f"relay:[{node.address}]:{INBOUND_PROBE_PORT}",
        "return_paths": [f"{spec.return_path}.{name}" for name, spec in node.environment.domains.items()],
        "retry": catalogue.default.retry,
        "chain_file": CHAIN_FILE,
        "key_file": KEY_FILE,
        "queues": queues,
    }


@cache
def _catalogue() -> Catalogue:
    return Catalogue.load()


def _transports(node: NodeModel) -> Mapping[str, InstanceTransports]:
    """By pool. The day matters: addresses gain standing with weeks of sending."""
    whole = instance_transports(node.fleet, _catalogue(), datetime.now(UTC).date())
    return {one.name: whole[node.name, one.name] for one in node.instances}


def _routes(transports: InstanceTransports, catalogue: Catalogue) -> Mapping[str, tuple[str, list[str]]]:
    """ISP -> (its known domains as an inline table, the transports that share its mail)."""
    return {
        name: (", ".join(f"{domain}={name}" for domain in isp.domains), _names(transports, name))
        for name, isp in catalogue.isps.items()
        if isp.domains
    }


def _services(transports: InstanceTransports, catalogue: Catalogue) -> list[Service]:
    return [Service.of(step, catalogue.isps[one.isp]) for one in transports.transports for step in steps(one)]


def _names(transports: InstanceTransports, isp: str) -> list[str]:
    return [f"{one.name}:" for one in transports.by_isp[isp]]


def _peers(node: NodeModel, pool: str) -> list[IPv4Address]:
    """Where the other nodes that have a part in the pool come from when they hand over mail."""
    return [one.address for one in node.fleet.members(pool) if one.name != node.name]


def _sender_logins(node: NodeModel, pool: str) -> Mapping[str, list[str]]:
    """Sender address or `@domain` -> the pool's users that may use it in the envelope."""
    owners: dict[str, list[str]] = {}
    for name, user in node.environment.users.items():
        for sender in user.senders if user.pool == pool else ():
            owners.setdefault(sender.lower(), []).append(name)
    for sender in canary.senders(node.fleet, pool):
        # A full address hides its domain's owners: who owns the domain keeps this address too.
        of_domain = owners.get(f"@{sender.rpartition('@')[2]}", [])
        owners[sender] = [*dict.fromkeys([*owners.get(sender, []), *of_domain]), canary.USER]
    return owners
