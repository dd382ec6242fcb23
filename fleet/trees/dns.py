"""The zones of a name server: shipped whole, or created once for those that change by themselves."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from fleet.dns import DkimPublicKey, Zone, served_zones, zone_text
from fleet.dns.keys import public_key
from fleet.inventory import NodeModel, Secrets
from fleet.render import TreeFile
from fleet.steering import steered_names
from fleet.topology import Fleet

FIRST_SERIAL = 1
"""Knot keeps serials of its own; see the templates `static` and `dynamic` in knot.conf."""


def scope(node: NodeModel) -> Mapping[str, Any]:
    """`zones`, `writers` (the addresses that signed updates may come from), and `steered`, the fixed part of
    the zone that only the failover daemon writes: what `mtafleet-steered-zone` reads. None without one."""
    found = published_zones(node.fleet, node.secrets)
    return {
        "zones": found,
        "steered": next((_fixed_part(zone, node.fleet) for zone in found if zone.kind == "steered"), None),
        "writers": [one.address for one in node.fleet.mta_nodes],
    }


def files(node: NodeModel) -> list[TreeFile]:
    """A zone file each; those of dynamic zones are never touched once they exist."""
    return [_zone_file(zone) for zone in published_zones(node.fleet, node.secrets)]


def _fixed_part(zone: Zone, fleet: Fleet) -> Mapping[str, Any]:
    records = [
        [f"{one.name}.", one.ttl_seconds, one.type, one.value] for one in zone.records if one.type != "A"
    ]
    names = sorted(f"{name}." for name in steered_names(fleet))
    return {
        "zone": f"{zone.name}.",
        "names": names,
        "records": sorted(records),
    }


def _zone_file(zone: Zone) -> TreeFile:
    text = zone_text(zone, FIRST_SERIAL)
    if zone.kind == "static":
        # Knot's: systemd gives everything below its state directory to it, whoever shipped it.
        return TreeFile(f"/var/lib/knot/static/{zone.name}.zone", text, owner="knot", group="knot")
    path = f"/var/lib/knot/dynamic/{zone.name}.zone"
    return TreeFile(path, text, mode="0640", owner="knot", group="knot", once=True)


def published_zones(fleet: Fleet, secrets: Secrets) -> tuple[Zone, ...]:
    """The zones that the fleet's own name servers hold."""
    keys = {
        domain: {selector: _public_key(key.get_secret_value()) for selector, key in selectors.items()}
        for domain, selectors in secrets.dkim.items()
    }
    return served_zones(fleet, keys)


@cache
def _public_key(private_pem: str) -> DkimPublicKey:
    """Reading a private key checks it, which takes its time; every name server needs all of them."""
    return public_key(private_pem)
