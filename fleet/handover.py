"""What a drained node needs to know to hand its queued mail to peers: where each pool's peers take it."""

from typing import Any

from fleet.certificates import CHAIN_FILE
from fleet.topology import Fleet

HAND_OVER_FILE = "/etc/mtafleet/hand-over.json"


def hand_over_settings(fleet: Fleet, node_name: str) -> dict[str, Any]:
    """The settings of `mtafleet-maintenance hand-over`, as `failover.handover.settings` reads them.

    A peer is known by the name under which it takes mail from the internet: only its own certificate has it.
    """
    node = fleet.node(node_name)
    pools = [one for one in fleet.pools if node.sending_of(one.pool)]
    return {
        "node": node.name,
        "source": str(node.address),
        "chain_file": CHAIN_FILE,
        "pools": {
            one.pool: {
                "port": one.hand_over_port,
                "peers": {
                    peer.name: {"address": str(peer.address), "name": fleet.mx_name(peer)}
                    for peer in fleet.members(one.pool)
                    if peer.name != node.name
                },
            }
            for one in pools
        },
    }


def tiers(fleet: Fleet, node_name: str, pool: str, healthy: set[str]) -> tuple[tuple[str, ...], ...]:
    """The healthy peers that take `pool` mail of a node: those of its region first, then all others."""
    node = fleet.node(node_name)
    peers = [one for one in fleet.members(pool) if one.name != node.name and one.name in healthy]
    near = tuple(one.name for one in peers if one.site == node.site)
    far = tuple(one.name for one in peers if one.site != node.site)
    return tuple(tier for tier in (near, far) if tier)
