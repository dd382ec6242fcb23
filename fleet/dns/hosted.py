"""The records of a fleet behind translated addresses, as a DNS host publishes them.

Public addresses and DKIM keys are known only once they have been made. So a record set says which of them
its values are made of, and makes the values when it is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from fleet.dns.model import DkimPublicKey, Record, Zone, txt, txt_text
from fleet.dns.spf import named_addresses, renamed_addresses
from fleet.dns.zones import zones
from fleet.topology import Fleet

PublicAddresses = Mapping[IPv4Address, IPv4Address]
"""Public addresses by private ones."""

_PLACEHOLDER = DkimPublicKey("rsa", "A" * 392)


@dataclass(frozen=True, slots=True)
class RecordSet:
    """All records of one name and type. `addresses` (private) and `dkim` are what the values are made of."""

    name: str
    type: str
    ttl_seconds: int
    values: tuple[str, ...]
    """With private addresses and a placeholder in place of a DKIM key."""
    addresses: tuple[IPv4Address, ...] = ()
    dkim: tuple[str, str] | None = None
    """Domain and selector."""

    def published(self, public: PublicAddresses, key: DkimPublicKey | None = None) -> tuple[str, ...]:
        """The values as the world shall see them; KeyError when an address has no public one."""
        if key is not None:
            return (txt(f"v=DKIM1; k={key.algorithm}; p={key.base64}"),)
        if not self.addresses:
            return self.values
        if self.type == "A":
            return tuple(sorted(str(public[IPv4Address(value)]) for value in self.values))
        return tuple(_translated(value, public) for value in self.values)


@dataclass(frozen=True, slots=True)
class HostedZone:
    """A zone without the records that its host makes by itself (SOA, NS)."""

    name: str
    sets: tuple[RecordSet, ...]


def hosted_zones(fleet: Fleet) -> tuple[HostedZone, ...]:
    """The operator's zone and every sending domain's, wherever it is hosted.

    What lies in the steered zone belongs to the operator's zone here, without the steered addresses
    themselves: a host that checks health answers those, and nobody writes a zone. The zone of ACME
    challenges stays delegated to the fleet's own name servers.
    """
    operator = fleet.environment.operator
    keys = {
        domain: dict.fromkeys((sending.dkim_selectors.active, sending.dkim_selectors.standby), _PLACEHOLDER)
        for domain, sending in fleet.environment.domains.items()
    }
    all_zones = zones(fleet, keys)
    found: dict[str, list[Record]] = defaultdict(list)
    for zone in all_zones:
        if zone.kind != "acme":
            home = operator.domain if zone.kind == "steered" else zone.name
            found[home] += _kept(zone, operator.steered_zone)
    selectors = {
        f"{selector}._domainkey.{domain}": (domain, selector)
        for domain, listed in keys.items()
        for selector in listed
    }
    return tuple(HostedZone(name, tuple(_sets(records, selectors))) for name, records in found.items())


def _kept(zone: Zone, steered_zone: str) -> Iterator[Record]:
    for record in zone.records:
        own_servers = record.type == "NS" and record.name in (zone.name, steered_zone)
        steered = zone.kind == "steered" and record.type == "A"
        if not own_servers and not steered:
            yield record


def _sets(records: Iterable[Record], selectors: Mapping[str, tuple[str, str]]) -> Iterator[RecordSet]:
    grouped: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        grouped[record.name, record.type].append(record)
    for (name, type_), group in sorted(grouped.items()):
        values = tuple(sorted({record.value for record in group}))
        yield RecordSet(
            name, type_, group[0].ttl_seconds, values, tuple(_made_of(type_, values)), selectors.get(name)
        )


def _made_of(type_: str, values: Iterable[str]) -> Iterator[IPv4Address]:
    for value in values:
        if type_ == "A":
            yield IPv4Address(value)
        elif type_ == "TXT" and txt_text(value).startswith("v=spf1 "):
            yield from named_addresses(txt_text(value))


def _translated(value: str, public: PublicAddresses) -> str:
    return txt(renamed_addresses(txt_text(value), public))
