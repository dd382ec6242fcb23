"""What each node looks at slowly, beside its probes: the key `seeing.checks` of the daemon's configuration.

What belongs to one node, its sending addresses, that node looks at itself. What stands for all to see, name
servers and certificates, is looked at by OBSERVERS nodes each, so that the cost does not grow with the square
of the fleet.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Any

from fleet.canary import canary_settings
from fleet.dns import Zone
from fleet.topology import Fleet, FleetNode

OBSERVERS = 3
RESOLVER = "127.0.0.1"
NAME_SERVER_INTERVAL_MILLISECONDS = 1_000 * OBSERVERS
"""All observers together ask each name server once a second."""
SMTPS, SMTP = 465, 25


def check_settings(
    fleet: Fleet, node: FleetNode, zones: Iterable[Zone], public: Mapping[IPv4Address, IPv4Address]
) -> dict[str, Any] | None:
    """As `failover/checks/settings.py` reads it; None for nodes that send no mail.

    `zones`: those that the fleet's own name servers answer; `public`: what the world sees of addresses that
    are translated.
    """
    if node.role != "mta":
        return None
    policy = fleet.environment.failover
    static = [zone for zone in zones if zone.kind == "static"]
    servers = [one for one in fleet.name_servers if _looks(fleet, node, fleet.name_server_name(one))]
    return {
        "resolver": RESOLVER,
        "addresses": {
            str(one.address): {
                "public": str(public.get(one.address, one.address)),
                "pool": one.pool,
                "name": one.name,
            }
            for one in node.sending
        },
        "way_out_domains": list(policy.way_out_domains),
        "block_lists": list(policy.block_lists),
        "certificates": [
            endpoint
            for one in fleet.mta_nodes
            if _looks(fleet, node, one.name)
            for endpoint in _endpoints(fleet, one)
        ],
        "name_servers": [
            {"name": fleet.name_server_name(one), "address": str(one.address), "port": 53}
            for one in (servers if static else ())
        ],
        "name_server_interval_milliseconds": NAME_SERVER_INTERVAL_MILLISECONDS,
        "zones": [zone.name for zone in static],
        "planned": _planned(static),
        "canary": canary_settings(fleet, node),
    }


def observers(target: str, candidates: Sequence[str], wanted: int = OBSERVERS) -> tuple[str, ...]:
    """Who of `candidates` looks at `target`: `wanted` of them, of which few change when one comes or goes."""
    return tuple(sorted(candidates, key=lambda one: sha256(f"{target} {one}".encode()).digest())[:wanted])


def _looks(fleet: Fleet, node: FleetNode, target: str) -> bool:
    return node.name in observers(target, [one.name for one in fleet.mta_nodes])


def _endpoints(fleet: Fleet, node: FleetNode) -> list[dict[str, Any]]:
    """Where `node` shows its certificate: submission of each pool, and SMTP."""
    places = [
        (address, SMTPS, pool.submission_name)
        for pool in fleet.pools
        if (address := node.entry_address(pool.pool))
    ]
    places.append((node.address, SMTP, fleet.mx_name(node)))
    return [
        {
            "node": node.name,
            "address": str(address),
            "port": port,
            "name": name,
            "starttls": port == SMTP,
        }
        for address, port, name in places
    ]


def _planned(zones: Iterable[Zone]) -> list[list[Any]]:
    """[name, type, seconds to keep it, [values]] of each name and type."""
    found: dict[tuple[str, str], tuple[int, list[str]]] = {}
    for zone in zones:
        for record in zone.records:
            _, values = found.setdefault((record.name, record.type), (record.ttl_seconds, []))
            values.append(record.value)
    return [[name, rdtype, ttl, values] for (name, rdtype), (ttl, values) in sorted(found.items())]
