"""Postfix transports derived from the fleet and the ISP catalogue: one per sending address and ISP.

A transport's process limit is its connection cap, because each smtp client process holds one
connection at a time. How a cap becomes process limits follows from what the ISP counts:

- `per_provider`: connections of one address to all of the provider's domains. One transport serves
  all of them, so its process limit is the cap.
- `per_domain`: the cap holds for each recipient domain; the transport may run several times as many
  processes, to as many domains.
- `per_fleet`: connections of all addresses of the fleet together. The cap is shared out in whole
  connections beforehand, so that the shares sum to no more than the cap even while the fleet's nodes
  cannot see each other. When there are more addresses than connections, only the first address of
  each instance gets a share, the others have no transport to that ISP; when there are more instances
  than connections, the cap cannot be kept and the fleet is refused.

Rates become delays in whole seconds, as Postfix counts them. Where the ISP allows at least
`UNPACED_MESSAGES_PER_MINUTE` no delay is set: the smallest one would cost nearly all of the rate, and
connections and messages per connection bound it already.

Each transport has a few slower steps beside it, transports of their own: a pace can be lowered while
Postfix runs only by giving mail to another transport. Its connections are halved, then there is one, then
come pauses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from ipaddress import IPv4Address
from itertools import zip_longest
from typing import Literal, TypeVar

from fleet.catalogue import Catalogue, Isp, Stage, StageLimits
from fleet.errors import MtafleetError
from fleet.topology import Fleet, SendingAddress

UNPACED_MESSAGES_PER_MINUTE = 600
DOMAINS_AT_ONCE = 5
"""How many recipient domains one transport serves at its full cap when the cap is per domain."""

STEP_DELAYS_SECONDS = (10, 120, 1200)
"""Pauses of the slower steps: 360, 30 and 3 messages an hour. A transport has two, longer than its own."""

FRESH_DAYS = 14
WARMING_DAYS = 42
"""Age in days of regular sending below which an address is fresh, or warming. Four to six weeks is what
senders report for a reputation to settle; the longer figure stands."""

T = TypeVar("T")


class TransportError(MtafleetError):
    """The fleet and the catalogue do not go together."""


@dataclass(frozen=True, slots=True)
class Transport:
    """One line of an instance's master.cf: mail to one ISP from one address."""

    name: str
    """`POOL-ORDINAL-ISP`, the service name."""
    isp: str
    pool: str
    node: str
    bind_address: IPv4Address
    helo: str
    process_limit: int
    """Most simultaneous connections."""
    destination_concurrency_limit: int
    """Most simultaneous connections to one recipient domain."""
    messages_per_connection: int
    rate_delay_seconds: int
    """Pause after each message over the whole transport; 0 for none."""
    tls_level: Literal["encrypt", "may"]

    @property
    def reuse_count_limit(self) -> int:
        """For `smtp_connection_reuse_count_limit`, which counts messages after the first.

        Meaningless when `messages_per_connection` is 1: 0 would mean no limit, so do not reuse.
        """
        return self.messages_per_connection - 1


@dataclass(frozen=True)
class InstanceTransports:
    """The transports of one pool's Postfix instance on one node."""

    pool: str
    node: str
    by_isp: Mapping[str, tuple[Transport, ...]]
    """Every ISP of the catalogue, each with the transports of this instance's addresses."""

    @property
    def transports(self) -> tuple[Transport, ...]:
        return tuple(transport for group in self.by_isp.values() for transport in group)


def stage_of(warm_since: date | None, as_of: date) -> Stage:
    """The standing of addresses on the day `as_of`, as far as the environment file tells."""
    if warm_since is None or (as_of - warm_since).days < FRESH_DAYS:
        return Stage.FRESH
    return Stage.WARMING if (as_of - warm_since).days < WARMING_DAYS else Stage.ESTABLISHED


def share_out(cap: int, claimants: Sequence[T]) -> dict[T, int]:
    """Whole shares of at least 1 that sum to `cap`, no two further apart than 1.

    The first claimants get what does not divide evenly. Raises TransportError when there are more
    claimants than `cap`.
    """
    if not claimants:
        return {}
    if cap < len(claimants):
        raise TransportError(f"{cap} connections cannot be shared out among {len(claimants)}")
    even, rest = divmod(cap, len(claimants))
    return {claimant: even + (position < rest) for position, claimant in enumerate(claimants)}


def instance_transports(
    fleet: Fleet, catalogue: Catalogue, as_of: date
) -> dict[tuple[str, str], InstanceTransports]:
    """The transports of every (node, pool); raises TransportError when a cap cannot be kept."""
    shares = {name: _fleet_shares(fleet, isp, as_of) for name, isp in catalogue.isps.items()}
    found = {}
    for node in fleet.mta_nodes:
        for instance in fleet.pools:
            addresses = node.sending_of(instance.pool)
            if not addresses:
                continue
            stage = _stage(fleet, instance.pool, as_of)
            by_isp = {
                name: tuple(_transports(addresses, isp, isp.limits_at(stage), shares[name]))
                for name, isp in catalogue.isps.items()
            }
            found[node.name, instance.pool] = InstanceTransports(instance.pool, node.name, by_isp)
    return found


def rate_delay_seconds(limits: StageLimits) -> int:
    """The pause after each message that keeps within both rates."""
    delay = 0
    if limits.messages_per_minute and limits.messages_per_minute.value < UNPACED_MESSAGES_PER_MINUTE:
        delay = _ceil_div(60, limits.messages_per_minute.value)
    if limits.messages_per_hour and limits.messages_per_hour.value < 60 * UNPACED_MESSAGES_PER_MINUTE:
        delay = max(delay, _ceil_div(3600, limits.messages_per_hour.value))
    return delay


def steps(full: Transport) -> tuple[Transport, ...]:
    """`full` and the slower transports beside it, each slower than the one before: at most five in all.

    None has more connections than `full`; a pause leaves one, as there is one message at a time.
    """
    domains = full.process_limit // full.destination_concurrency_limit
    found = [full]
    if not full.rate_delay_seconds:
        for cap in (full.destination_concurrency_limit // 2, 1):
            if 0 < cap < found[-1].destination_concurrency_limit:
                found.append(replace(full, process_limit=cap * domains, destination_concurrency_limit=cap))
    longer = [one for one in STEP_DELAYS_SECONDS if one > full.rate_delay_seconds][:2]
    found += [
        replace(full, process_limit=1, destination_concurrency_limit=1, rate_delay_seconds=delay)
        for delay in longer
    ]
    return tuple(
        replace(one, name=f"{full.name}-s{number}") if number else one for number, one in enumerate(found)
    )


def _transports(
    addresses: Iterable[SendingAddress],
    isp: Isp,
    limits: StageLimits,
    shares: Mapping[SendingAddress, int] | None,
) -> Iterable[Transport]:
    cap = limits.connections.value
    for address in addresses:
        if shares is None:
            per_domain = isp.connections_counted == "per_domain"
            process_limit, concurrency = (cap * DOMAINS_AT_ONCE if per_domain else cap), cap
        elif address in shares:
            process_limit = concurrency = shares[address]
        else:
            continue
        yield Transport(
            name=f"{address.pool}-{address.ordinal}-{isp.isp}",
            isp=isp.isp,
            pool=address.pool,
            node=address.node,
            bind_address=address.address,
            helo=address.name,
            process_limit=process_limit,
            destination_concurrency_limit=concurrency,
            messages_per_connection=limits.messages_per_connection.value,
            rate_delay_seconds=rate_delay_seconds(limits),
            tls_level="encrypt" if isp.tls == "required" else "may",
        )


def _fleet_shares(fleet: Fleet, isp: Isp, as_of: date) -> dict[SendingAddress, int] | None:
    """Each address's part of a cap that the ISP counts over the fleet; None for other caps."""
    if isp.connections_counted != "per_fleet":
        return None
    # The smallest standing decides: a fleet-wide count does not tell fresh from established.
    cap = min(isp.limits_at(_stage(fleet, pool.pool, as_of)).connections.value for pool in fleet.pools)
    everyone = _spread(fleet)
    firsts = [address for address in everyone if address.ordinal == 1]
    if cap < len(firsts):
        raise TransportError(
            f"isps/{isp.isp}.yaml: limits: {cap} connections for the whole fleet are fewer than its "
            f"{len(firsts)} instances (pools x nodes); each needs one: use fewer nodes or pools, or check "
            "whether the provider really counts `per_fleet`"
        )
    return share_out(cap, everyone if len(everyone) <= cap else firsts)


def _spread(fleet: Fleet) -> list[SendingAddress]:
    """All addresses, nodes taking turns, so that what does not divide evenly goes round the regions."""
    sites = {node.site: 0 for node in fleet.mta_nodes}
    by_site = [[node.sending for node in fleet.mta_nodes if node.site == site] for site in sites]
    turns = [node for rank in zip_longest(*by_site, fillvalue=()) for node in rank]
    return [address for rank in zip_longest(*turns) for address in rank if address is not None]


def _stage(fleet: Fleet, pool: str, as_of: date) -> Stage:
    return stage_of(fleet.environment.pools[pool].warm_since, as_of)


def _ceil_div(amount: int, by: int) -> int:
    return -(-amount // by)
