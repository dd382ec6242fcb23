"""The fleet's shared store as its configuration names it: servers, ports, who is admitted and by which name.

NATS JetStream on a few nodes, one a site. It holds the lease on writing DNS. No node may do without the
others' agreement, so the sites are odd in number.
"""

from typing import Any

from fleet.ports import STORE_PORT
from fleet.topology import Fleet, FleetNode

AUTHORITY_FILE = "/etc/mtafleet/failover/store-ca.pem"
CERTIFICATE_FILE = "/etc/mtafleet/failover/store.pem"
KEY_FILE = "/etc/mtafleet/failover/store.key"
MOST_REPLICAS = 5
"""JetStream keeps no more copies of a stream."""


def replicas(fleet: Fleet) -> int:
    """Copies of what the store holds: one a site, but no more than JetStream keeps."""
    return min(len(fleet.store_nodes), MOST_REPLICAS)


def client_name(node: FleetNode) -> str:
    """The name in the certificate by which the failover daemon of `node` is known to the store."""
    return f"failover.{node.fqdn}"


def clients(fleet: Fleet) -> tuple[FleetNode, ...]:
    """The nodes whose daemons use the store: those that may write DNS."""
    return fleet.mta_nodes


def store_access(fleet: Fleet, node: FleetNode) -> dict[str, Any]:
    """What the daemon of `node` is told of the store; the servers of its own site come first."""
    servers = sorted(fleet.store_nodes, key=lambda one: (one.site != node.site, one.role != "mta", one.name))
    return {
        "servers": [{"name": one.name, "address": str(one.address), "port": STORE_PORT} for one in servers],
        "replicas": replicas(fleet),
        "client": client_name(node),
        "authority_file": AUTHORITY_FILE,
        "certificate_file": CERTIFICATE_FILE,
        "key_file": KEY_FILE,
    }
