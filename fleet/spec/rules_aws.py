"""Rules on a fleet on AWS: places, networks, addresses, health checks, existing things."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from fleet.aws.layout import observers_of, reserved_addresses, zone_networks
from fleet.problems import KeyPath, dotted
from fleet.spec.aws import Aws, AwsPlace
from fleet.spec.finding import Finding
from fleet.spec.models import Environment

PRIVATE_NETWORKS = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 27
"""A VPC has at least a /28 and at most a /16; ours is cut in two, and a subnet has at least a /28."""
WIDEST_OPERATOR_PREFIX = 8


def places(environment: Environment) -> Iterator[tuple[KeyPath, str, IPv4Network, AwsPlace]]:
    """Every site of a fleet on AWS that has a place: key, name, network, place."""
    if environment.substrate != "aws":
        return
    for name, region in environment.regions.items():
        if region.aws is not None:
            yield ("regions", name), name, region.network, region.aws
    witness = environment.witness
    if witness.aws is not None:
        yield ("witness",), witness.site, witness.network, witness.aws


def site_addresses(environment: Environment, site: str) -> dict[IPv4Address, KeyPath]:
    """Every address at a site with its key."""
    if site == environment.witness.site:
        return {environment.witness.address: ("witness", "address")}
    found: dict[IPv4Address, KeyPath] = {}
    nodes = environment.regions[site].nodes
    for name, node in nodes.items():
        found[node.address] = ("regions", site, "nodes", name, "address")
    for pool_name, pool in environment.pools.items():
        for node_name, addresses in pool.addresses.items():
            if node_name in nodes:
                for position, address in enumerate(addresses):
                    found[address] = ("pools", pool_name, "addresses", node_name, position)
    return found


def each_site_has_an_aws_region_of_its_own(environment: Environment) -> Iterator[Finding]:
    first: dict[str, KeyPath] = {}
    for path, _name, _network, place in places(environment):
        if place.region in first:
            yield Finding(
                (*path, "aws", "region"),
                f"`{place.region}` is already used by `{dotted(first[place.region])}`",
                "Give every site an AWS region of its own: they must not be lost together.",
            )
        first.setdefault(place.region, path)


def route53_is_written_on_aws_only(environment: Environment) -> Iterator[Finding]:
    if environment.failover.route53_writer and environment.substrate != "aws":
        yield Finding(
            ("failover", "route53_writer"),
            f"a fleet on `{environment.substrate}` has name servers of its own, which daemons write",
            "Leave it out.",
        )


def zones_lie_in_their_region(environment: Environment) -> Iterator[Finding]:
    for path, _name, _network, place in places(environment):
        for position, zone in enumerate(place.zones):
            if zone[:-1] != place.region:
                yield Finding(
                    (*path, "aws", "zones", position),
                    f"`{zone}` is no zone of `{place.region}`",
                    f"Write two zones of it, like `{place.region}a` and `{place.region}b`.",
                )
        if place.zones[0] == place.zones[1]:
            yield Finding(
                (*path, "aws", "zones", 1),
                f"zone `{place.zones[1]}` is named twice",
                "Name two zones: they fail separately.",
            )


def networks_suit_a_vpc(environment: Environment) -> Iterator[Finding]:
    for path, _name, network, _place in places(environment):
        if not any(network.subnet_of(private) for private in PRIVATE_NETWORKS):
            yield Finding(
                (*path, "network"),
                f"{network} is not a private network",
                "On AWS addresses in this file are private: use "
                + " or ".join(map(str, PRIVATE_NETWORKS))
                + ". Public ones come from AWS.",
            )
        if not LARGEST_PREFIX <= network.prefixlen <= SMALLEST_PREFIX:
            yield Finding(
                (*path, "network"),
                f"{network} cannot be cut into two subnets of a VPC",
                f"Use a network from /{LARGEST_PREFIX} to /{SMALLEST_PREFIX}.",
            )


def addresses_are_free_in_their_subnet(environment: Environment) -> Iterator[Finding]:
    for _path, name, network, _place in places(environment):
        reserved = reserved_addresses(network)
        for address, path in site_addresses(environment, name).items():
            if address in reserved:
                yield Finding(
                    path,
                    f"AWS keeps {address} for itself: the first four addresses of a subnet, and the last",
                    "Choose another one.",
                )


def a_node_stays_in_one_zone(environment: Environment) -> Iterator[Finding]:
    """A machine's interface has all its addresses in one subnet."""
    for region in environment.regions.values():
        halves = zone_networks(region.network) if region.aws and region.network.prefixlen < 32 else ()
        for pool_name, pool in environment.pools.items():
            for node_name, addresses in pool.addresses.items():
                node = region.nodes.get(node_name)
                home = next((half for half in halves if node and node.address in half), None)
                if node is None or home is None:
                    continue
                for position, address in enumerate(addresses):
                    if address in region.network and address not in home:
                        yield Finding(
                            ("pools", pool_name, "addresses", node_name, position),
                            f"{address} lies in another availability zone than `{node_name}` "
                            f"({node.address}, {home})",
                            f"Choose one in {home}, or give the pool's address to a node of the other zone.",
                        )


def existing_addresses_are_ours(environment: Environment) -> Iterator[Finding]:
    taken: dict[str, KeyPath] = {}
    for path, name, _network, place in places(environment):
        known = site_addresses(environment, name)
        for address, allocation in place.existing.items():
            key: KeyPath = (*path, "aws", "existing", str(address))
            if address not in known:
                yield Finding(
                    key, f"{address} is no address of `{name}`", "Name a node's or a pool's address there."
                )
            if allocation in taken:
                yield Finding(
                    key,
                    f"`{allocation}` is already used by `{dotted(taken[allocation])}`",
                    "An Elastic IP stands for one private address.",
                )
            taken.setdefault(allocation, key)


def moved_addresses_make_sense(environment: Environment) -> Iterator[Finding]:
    for path, name, _network, place in places(environment):
        known = site_addresses(environment, name)
        before: set[IPv4Address] = set()
        for new, old in place.moved.items():
            key: KeyPath = (*path, "aws", "moved", str(new))
            if new not in known:
                yield Finding(
                    key,
                    f"{new} is no address of `{name}`",
                    "Write the new address first, then the old one.",
                )
            if old in known:
                yield Finding(
                    key, f"{old} is still in use by `{dotted(known[old])}`", "Only a free address has moved."
                )
            if old in before:
                yield Finding(key, f"{old} cannot have moved to two places", "Keep one of the two.")
            before.add(old)


def evidence_lies_in_a_region(environment: Environment) -> Iterator[Finding]:
    if environment.aws and environment.aws.evidence.site not in environment.regions:
        yield Finding(
            ("aws", "evidence", "site"),
            f"there is no region called `{environment.aws.evidence.site}`",
            "Name one of " + ", ".join(f"`{name}`" for name in environment.regions) + ".",
        )


def operator_networks_are_not_the_world(environment: Environment) -> Iterator[Finding]:
    for position, network in enumerate(_aws_networks(environment.aws)):
        if network.prefixlen < WIDEST_OPERATOR_PREFIX:
            yield Finding(
                ("aws", "operator_networks", position),
                f"{network} opens SSH to too much of the world",
                f"Name your own networks, none wider than /{WIDEST_OPERATOR_PREFIX}, "
                "or none at all: Session Manager needs no open port.",
            )


def checkers_are_not_the_world(environment: Environment) -> Iterator[Finding]:
    for position, network in enumerate(environment.aws.checks.checkers if environment.aws else []):
        if network.prefixlen < WIDEST_OPERATOR_PREFIX:
            yield Finding(
                ("aws", "checks", "checkers", position),
                f"{network} would let too much of the world ask",
                "Name the networks that AWS lists for ROUTE53_HEALTHCHECKS, or leave the key out.",
            )


def existing_zones_are_hosted_here(environment: Environment) -> Iterator[Finding]:
    if environment.aws is None:
        return
    hosted = [environment.operator.domain]
    hosted += [name for name, domain in environment.domains.items() if domain.hosting == "fleet"]
    for domain in environment.aws.existing_zones:
        if domain not in hosted:
            yield Finding(
                ("aws", "existing_zones", domain),
                f"`{domain}` is not hosted by this fleet",
                "Name one of " + ", ".join(f"`{name}`" for name in hosted) + ".",
            )


def checks_have_observers(environment: Environment) -> Iterator[Finding]:
    if environment.aws is None:
        return
    checks = environment.aws.checks
    if checks.agreeing > checks.views:
        yield Finding(
            ("aws", "checks", "agreeing"),
            f"{checks.agreeing} machines must agree but only {checks.views} are asked",
            f"Choose at most {checks.views}.",
        )
    for name in environment.regions:
        available = len(observers_of(environment, name))
        if available < checks.views:
            yield Finding(
                ("aws", "checks", "views"),
                f"outside region `{name}` there are {available} machines to ask, not {checks.views}",
                f"Choose at most {available}.",
            )


def _aws_networks(aws: Aws | None) -> list[IPv4Network]:
    return aws.operator_networks if aws else []


RULES = (
    each_site_has_an_aws_region_of_its_own,
    zones_lie_in_their_region,
    networks_suit_a_vpc,
    addresses_are_free_in_their_subnet,
    a_node_stays_in_one_zone,
    existing_addresses_are_ours,
    moved_addresses_make_sense,
    evidence_lies_in_a_region,
    operator_networks_are_not_the_world,
    checkers_are_not_the_world,
    existing_zones_are_hosted_here,
    checks_have_observers,
    route53_is_written_on_aws_only,
)
