"""What a fleet on AWS costs a month by list prices, and what a thousand messages cost at a given volume."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from fleet.aws.prices import Prices, price_table
from fleet.invariants import health_checks
from fleet.spec.aws import Aws, AwsPlace
from fleet.spec.models import Environment
from fleet.topology import Fleet, FleetNode

PROTOCOL_OVERHEAD = 1.05
"""Bytes on the wire for each byte of a message: SMTP, TLS, TCP."""
BYTES_PER_GIGABYTE = 1_000_000_000

Kind = Literal["machines", "disks", "addresses", "data out", "keys", "DNS and health checks"]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the bill; `site` is a region or the witness's site, None what has no place."""

    kind: Kind
    site: str | None
    dollars: float


@dataclass(frozen=True)
class Cost:
    """A month's bill. `by_pool` shares all of it out."""

    messages: int
    items: tuple[Item, ...]
    by_pool: Mapping[str, float]
    pool_messages: Mapping[str, float]
    prices: Prices

    @property
    def dollars(self) -> float:
        return sum(item.dollars for item in self.items)

    def per_thousand(self, dollars: float, messages: float) -> float:
        return 1000 * dollars / messages

    def by_site(self) -> dict[str, float]:
        """Dollars by site; `everywhere` is what has no place."""
        found: dict[str, float] = {}
        for item in self.items:
            site = item.site or "everywhere"
            found[site] = found.get(site, 0.0) + item.dollars
        return found

    def by_kind(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for item in self.items:
            found[item.kind] = found.get(item.kind, 0.0) + item.dollars
        return found


def monthly_cost(
    environment: Environment,
    messages: int,
    message_bytes: int,
    prices: Prices | None = None,
) -> Cost:
    """The bill of a month with so many messages of that size on average, each sent once.

    Regions share the messages by their sending addresses, pools by the peak each must carry. Raises
    PriceError when the table lacks a price.
    """
    aws = environment.aws
    if aws is None:
        raise ValueError("only a fleet on AWS has list prices")
    table = prices or price_table()
    items = tuple(_items(environment, aws, table, messages * message_bytes * PROTOCOL_OVERHEAD))
    shares = _pool_shares(environment)
    carried = {name: messages * share for name, share in shares.items()}
    return Cost(messages, items, _by_pool(environment, items, shares), carried, table)


def _items(environment: Environment, aws: Aws, prices: Prices, bytes_out: float) -> Iterator[Item]:
    fleet = Fleet.of(environment)
    senders = len(fleet.sending_addresses)
    for site, place in _places(environment).items():
        nodes = [node for node in fleet.nodes if node.site == site]
        yield from _site_items(aws, prices, site, place, nodes)
        sending = sum(len(node.sending) for node in nodes)
        gigabytes = bytes_out * sending / senders / BYTES_PER_GIGABYTE
        if sending:
            yield Item("data out", site, prices.data_out_month(gigabytes))
    yield Item("DNS and health checks", None, _dns(environment, aws, prices))


def _site_items(
    aws: Aws, prices: Prices, site: str, place: AwsPlace, nodes: list[FleetNode]
) -> Iterator[Item]:
    types = {"mta": aws.instance_type, "witness": aws.witness_instance_type}
    machines = sum(prices.machine_month(place.region, types[node.role]) for node in nodes)
    gigabytes = sum(aws.root_gigabytes + (aws.spool_gigabytes if node.role == "mta" else 0) for node in nodes)
    addresses = sum(1 + len(node.sending) for node in nodes)
    yield Item("machines", site, machines)
    yield Item("disks", site, gigabytes * prices.region(place.region).disk_gigabyte_month)
    yield Item("addresses", site, addresses * prices.public_address_hour * prices.hours_per_month)
    yield Item("keys", site, prices.key_month)


def _dns(environment: Environment, aws: Aws, prices: Prices) -> float:
    zones = 1 + sum(domain.hosting == "fleet" for domain in environment.domains.values())
    return zones * prices.hosted_zone_month + checks_month(environment, aws, prices)


def checks_month(environment: Environment, aws: Aws, prices: Prices) -> float:
    """Health checks of a month: per node one of a port, some of views (HTTPS), and two calculated ones."""
    if environment.failover.route53_writer:
        return 0.0
    nodes = sum(len(region.nodes) for region in environment.regions.values())
    https = nodes * aws.checks.views
    fast = nodes * (aws.checks.views + 1) if aws.checks.interval_seconds == 10 else 0
    checks = health_checks(environment) * prices.health_check.month
    return checks + (https + fast) * prices.health_check.feature_month


def _places(environment: Environment) -> dict[str, AwsPlace]:
    places = {name: region.aws for name, region in environment.regions.items()}
    places[environment.witness.site] = environment.witness.aws
    return {name: place for name, place in places.items() if place is not None}


def _pool_shares(environment: Environment) -> dict[str, float]:
    peaks = {name: pool.peak_messages_per_hour or 0 for name, pool in environment.pools.items()}
    total = sum(peaks.values())
    return {name: peak / total for name, peak in peaks.items()}


def _by_pool(
    environment: Environment, items: tuple[Item, ...], shares: Mapping[str, float]
) -> dict[str, float]:
    """Data out by messages, everything else by the pools' sending addresses."""
    counts = {
        name: sum(len(listed) for listed in pool.addresses.values())
        for name, pool in environment.pools.items()
    }
    data = sum(item.dollars for item in items if item.kind == "data out")
    rest = sum(item.dollars for item in items) - data
    total = sum(counts.values())
    return {name: data * shares[name] + rest * counts[name] / total for name in environment.pools}
