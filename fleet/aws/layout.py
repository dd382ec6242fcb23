"""How a site's network is laid out on AWS, and who observes whom."""

from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network

from fleet.spec.models import Environment

_RESERVED_AT_THE_START = 4


def zone_networks(network: IPv4Network) -> tuple[IPv4Network, IPv4Network]:
    """The subnet of each of a site's two availability zones: the lower and the upper half."""
    lower, upper = network.subnets(prefixlen_diff=1)
    return lower, upper


def zone_index(network: IPv4Network, address: IPv4Address) -> int:
    """0 for an address in the first zone's subnet, 1 in the second's."""
    return 0 if address in zone_networks(network)[0] else 1


def reserved_addresses(network: IPv4Network) -> frozenset[IPv4Address]:
    """What AWS keeps in each subnet: the network, router, resolver, one for later, and the last."""
    if network.prefixlen > 30:
        return frozenset()
    return frozenset(
        address
        for half in zone_networks(network)
        for address in (
            *(half.network_address + offset for offset in range(_RESERVED_AT_THE_START)),
            half.broadcast_address,
        )
    )


def observers_of(environment: Environment, site: str) -> list[str]:
    """Machines outside `site` whose word about its nodes counts, the witness included."""
    outside = [name for region, spec in environment.regions.items() if region != site for name in spec.nodes]
    return sorted([*outside, environment.witness.node])


def views_of(environment: Environment, site: str, node: str, count: int) -> list[str]:
    """`count` observers of `node`, spread over the other sites; stable when machines come or go.

    By rendezvous hashing: each other site's best machine first, then each one's second best.
    """
    sites = {environment.witness.site: [environment.witness.node]}
    sites |= {name: list(spec.nodes) for name, spec in environment.regions.items() if name != site}

    def rank(observer: str) -> str:
        return sha256(f"{node} {observer}".encode()).hexdigest()

    turns = [
        (turn, rank(observer), observer)
        for observers in sites.values()
        for turn, observer in enumerate(sorted(observers, key=rank))
    ]
    return sorted(observer for _turn, _rank, observer in sorted(turns)[:count])
