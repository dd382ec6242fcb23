"""Which ports a machine opens, and to whom: the packet filter's rules follow from this and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from fleet.topology import INBOUND_PORT, INBOUND_PROBE_PORT, Fleet, FleetNode

STORE_PORT, STORE_CLUSTER_PORT = 10_422, 10_622
"""Of the shared store, for clients and between its servers: within the range open between nodes."""
API_PORT = 10_443
"""Of the HTTP API beside each failover daemon: for the fleet and its operators."""
SMTP, DOMAIN, HTTPS, SMTPS, SUBMISSION = 25, 53, 443, 465, 587


@dataclass(frozen=True, slots=True)
class Opening:
    """Ports that take new connections on some of a machine's addresses.

    `internal`: from machines of the fleet only.
    """

    protocol: Literal["tcp", "udp"]
    ports: tuple[int, ...]
    addresses: tuple[IPv4Address, ...]
    internal: bool = False


def openings(fleet: Fleet, node: FleetNode) -> tuple[Opening, ...]:
    """Everything but SSH, the heartbeat and the API, which every machine has."""
    return tuple(_openings(fleet, node))


def _openings(fleet: Fleet, node: FleetNode) -> Iterator[Opening]:
    if node.role == "application":
        yield Opening("tcp", (SMTPS, SUBMISSION), (node.address,))
    if node.role == "witness":  # it, too, tells what it thinks of the others
        yield Opening("tcp", (HTTPS,), (node.address,))
    if node.role == "mta":
        pools = [pool for pool in fleet.pools if node.sending_of(pool.pool)]
        entries = tuple(node.sending_of(pool.pool)[0].address for pool in pools)
        listeners = [
            port
            for one in pools
            for port in (one.smtps_port, one.submission_port, one.probe_port, one.hand_over_port)
        ]
        yield Opening("tcp", (SMTPS, SUBMISSION), entries)
        yield Opening("tcp", (SMTP, HTTPS, SMTPS), (node.address,))
        yield Opening("tcp", (*listeners, INBOUND_PORT, INBOUND_PROBE_PORT), (node.address,), internal=True)
    if node in fleet.store_nodes:
        yield Opening("tcp", (STORE_PORT, STORE_CLUSTER_PORT), (node.address,), internal=True)
    if node.name_server:
        yield Opening("udp", (DOMAIN,), (node.address,))
        yield Opening("tcp", (DOMAIN,), (node.address,))
