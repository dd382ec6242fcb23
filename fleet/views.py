"""Views: what each node tells health checkers of the others, who may ask, and what its daemon is told."""

from ipaddress import IPv4Network
from typing import Any

from fleet.aws.checkers import known_checkers
from fleet.topology import Fleet, FleetNode

STEERING_PATH = "/steering/{node}"
"""Where a machine says over HTTPS, by its status, whether it sees this node in service for clients."""
MAP_FILE = "/var/lib/mtafleet/failover/views.map"
"""The daemon keeps here what it told HAProxy last; in its own state directory, which only it writes."""


def has_views(node: FleetNode) -> bool:
    """Whether a machine tells how it sees others: all that carry mail, and the witness."""
    return node.role in ("mta", "witness")


def viewed_by(fleet: Fleet, observer: str) -> tuple[str, ...]:
    """The nodes that `observer` tells of: never itself, for nobody vouches for himself."""
    return tuple(node.name for node in fleet.mta_nodes if node.name != observer)


def view_settings(fleet: Fleet, node: FleetNode, socket: str) -> dict[str, Any] | None:
    """The daemon's `views` on `node`; `socket` is its HAProxy's."""
    if not has_views(node):
        return None
    return {"socket": socket, "map_file": MAP_FILE, "nodes": list(viewed_by(fleet, node.name))}


def askers(fleet: Fleet) -> tuple[IPv4Network, ...]:
    """Where views may be asked from: Route 53's checkers on AWS, the fleet's observers, and its operators."""
    environment = fleet.environment
    networks = [IPv4Network(node.address) for node in fleet.nodes if has_views(node)]
    if environment.aws is not None:
        networks += environment.aws.operator_networks
        networks += environment.aws.checks.checkers or known_checkers().networks
    if environment.lab is not None:
        networks.append(environment.lab.operator_network)
    return tuple(sorted(set(networks)))
