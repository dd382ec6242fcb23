"""What the world should see of a fleet whose records a DNS host publishes, behind translated addresses."""

from collections.abc import Iterator
from ipaddress import IPv4Address

import dns.reversename

from fleet.dns.compare import Expected, canonical_answer_value
from fleet.dns.hosted import PublicAddresses, RecordSet, hosted_zones
from fleet.dns.zones import DkimKeys
from fleet.steering import steered_names
from fleet.topology import Fleet

LONGEST_TTL_SECONDS = 2**31 - 1
"""For reverse names: their TTL is up to the owner of the address range."""


def published_records(fleet: Fleet, keys: DkimKeys, public: PublicAddresses) -> tuple[Expected, ...]:
    """Every record set outside the zone of certificate challenges, reverse names included.

    KeyError when an address has no public one.
    """
    sets = [_expected(one, keys, public) for zone in hosted_zones(fleet) for one in zone.sets]
    return (*sets, *_steered(fleet, public), *_reverse(fleet, public))


def _expected(one: RecordSet, keys: DkimKeys, public: PublicAddresses) -> Expected:
    key = keys[one.dkim[0]][one.dkim[1]] if one.dkim else None
    values = one.published(public, key)
    return Expected(
        one.name,
        one.type,
        frozenset(canonical_answer_value(one.type, value) for value in values),
        one.ttl_seconds,
    )


def _steered(fleet: Fleet, public: PublicAddresses) -> Iterator[Expected]:
    """The host answers with those whose health check passes."""
    ttl = fleet.environment.failover.dns_ttl_seconds
    for name, addresses in sorted(steered_names(fleet).items()):
        values = frozenset(str(public[IPv4Address(one)]) for one in addresses.values())
        yield Expected(name, "A", values, ttl, steered=True)


def _reverse(fleet: Fleet, public: PublicAddresses) -> Iterator[Expected]:
    for node in fleet.nodes:
        named = {node.address: node.fqdn} | {one.address: one.name for one in node.sending}
        for private, name in named.items():
            pointer = dns.reversename.from_address(str(public[private])).to_text(omit_final_dot=True)
            yield Expected(pointer, "PTR", frozenset({f"{name}."}), LONGEST_TTL_SECONDS)
