"""Rules on networks and addresses."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from fleet.problems import KeyPath, dotted
from fleet.spec.finding import Finding
from fleet.spec.models import Environment
from fleet.topology import router_address

RESERVED_FOR_TESTS = tuple(
    IPv4Network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")
)
"""RFC 5737 (documentation) and RFC 2544 (benchmarking): routed nowhere."""

SMALLEST_PREFIX_LENGTH = 29


def networks(environment: Environment) -> Iterator[tuple[KeyPath, IPv4Network]]:
    """Every network of the file with its key."""
    for name, region in environment.regions.items():
        yield ("regions", name, "network"), region.network
    yield ("witness", "network"), environment.witness.network
    if environment.lab is not None:
        yield ("lab", "application", "network"), environment.lab.application.network
        yield ("lab", "operator_network"), environment.lab.operator_network
        yield ("lab", "internet_network"), environment.lab.internet_network


def placed_addresses(environment: Environment) -> Iterator[tuple[KeyPath, IPv4Address, IPv4Network, str]]:
    """Every address of the file with its key, the network it belongs in, and whose network that is."""
    home: dict[str, tuple[IPv4Network, str]] = {}
    for region_name, region in environment.regions.items():
        for node_name, node in region.nodes.items():
            owner = f"region `{region_name}`"
            home[node_name] = (region.network, owner)
            path: KeyPath = ("regions", region_name, "nodes", node_name, "address")
            yield path, node.address, region.network, owner
    witness = environment.witness
    yield ("witness", "address"), witness.address, witness.network, f"site `{witness.site}`"
    if environment.lab is not None:
        host = environment.lab.application
        yield ("lab", "application", "address"), host.address, host.network, f"site `{host.site}`"
    for pool_name, pool in environment.pools.items():
        for node_name, addresses in pool.addresses.items():
            if node_name in home:
                for position, address in enumerate(addresses):
                    yield ("pools", pool_name, "addresses", node_name, position), address, *home[node_name]


def networks_are_disjoint(environment: Environment) -> Iterator[Finding]:
    for (path, network), (other_path, other) in combinations(networks(environment), 2):
        if network.overlaps(other):
            yield Finding(
                other_path,
                f"{other} overlaps {network} of `{dotted(path)}`",
                "Give each site a network of its own.",
            )


def networks_have_room(environment: Environment) -> Iterator[Finding]:
    for path, network in networks(environment):
        if network.prefixlen > SMALLEST_PREFIX_LENGTH:
            yield Finding(
                path,
                f"{network} has room for {max(network.num_addresses - 3, 0)} machines beside its router",
                f"Use a network of at least /{SMALLEST_PREFIX_LENGTH}.",
            )


def addresses_lie_in_their_network(environment: Environment) -> Iterator[Finding]:
    for path, address, network, owner in placed_addresses(environment):
        if address not in network:
            yield Finding(
                path, f"{address} lies outside {network}, the network of {owner}", f"Choose one in {network}."
            )


def addresses_are_usable(environment: Environment) -> Iterator[Finding]:
    for path, address, network, _owner in placed_addresses(environment):
        reserved = {
            network.network_address: "the network's own address",
            network.broadcast_address: "the broadcast address",
        }
        if environment.substrate == "lab":
            reserved[router_address(network)] = "the site's router"
        if address in network and address in reserved:
            yield Finding(
                path,
                f"{address} is {reserved[address]} in {network}",
                f"Choose another address in {network}.",
            )


def addresses_are_unique(environment: Environment) -> Iterator[Finding]:
    first: dict[IPv4Address, KeyPath] = {}
    for path, address, _network, _owner in placed_addresses(environment):
        if address in first:
            yield Finding(
                path,
                f"{address} is already used by `{dotted(first[address])}`",
                "Give every node and every pool addresses of its own: reputation clings to the address.",
            )
        else:
            first[address] = path


def lab_stays_in_reserved_ranges(environment: Environment) -> Iterator[Finding]:
    if environment.substrate != "lab":
        return
    for path, network in networks(environment):
        if not any(network.subnet_of(reserved) for reserved in RESERVED_FOR_TESTS):
            yield Finding(
                path,
                f"{network} may exist outside the lab",
                "A lab uses only " + ", ".join(map(str, RESERVED_FOR_TESTS)) + ".",
            )


RULES = (
    networks_are_disjoint,
    networks_have_room,
    addresses_lie_in_their_network,
    addresses_are_usable,
    addresses_are_unique,
    lab_stays_in_reserved_ranges,
)
