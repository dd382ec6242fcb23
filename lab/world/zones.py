"""Every zone of the simulated internet as zone file text, by the name server level that serves it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from lab.world import geography
from lab.world.providers import Provider
from lab.world.spec import Delegation, NameServer, WorldSpec

TTL_SECONDS = 300
DELEGATION_TTL_SECONDS = 30
"""Short, because the fleet's name servers and sending addresses come and go within one lab session."""

TOP_LEVEL = ("com", "net", "org", "de", "fr", "example")
REVERSE = "in-addr.arpa"
INFRASTRUCTURE = ("root-servers.net", "gtld-servers.net", "pki.example")


@dataclass
class Zone:
    """A zone under construction; `records` are (owner, type, value) in presentation form."""

    name: str
    name_servers: tuple[NameServer, ...]
    ttl_seconds: int = TTL_SECONDS
    records: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, owner: str, kind: str, value: str) -> None:
        """Add a record; `owner` without the final dot, "" for the root."""
        self.records.append((f"{owner}.", kind, value))

    def delegate(self, zone: str, servers: Iterable[NameServer]) -> None:
        """Refer to a child zone's servers, with glue for names at or below this zone."""
        for server in servers:
            self.add(zone, "NS", f"{server.name}.")
            if _below(server.name, self.name):
                self.add(server.name, "A", str(server.address))

    def text(self, serial: int) -> str:
        """The zone file; the same records always give the same text apart from the serial."""
        origin = f"{self.name}." if self.name else "."
        soa = (
            f"{self.name_servers[0].name}. hostmaster.{self.name_servers[0].name}. {serial} 3600 600 86400 5"
        )
        lines = [f"$TTL {self.ttl_seconds}", f"{origin} IN SOA {soa}"]
        lines += [f"{origin} IN NS {server.name}." for server in self.name_servers]
        unique = dict.fromkeys(self.records)
        lines += [f"{owner} IN {kind} {value}" for owner, kind, value in sorted(unique)]
        return "\n".join(lines) + "\n"


Levels = Mapping[str, Mapping[str, Zone]]
"""Level (`root`, `tld`, `isp`), then zone name, then zone."""


def build_zones(spec: WorldSpec, providers: tuple[Provider, ...]) -> Levels:
    """The whole tree: the root, the top-level and reverse zones, and the providers' zones."""
    isp = _provider_zones(providers) | _infrastructure_zones()
    top = _top_level_zones(spec, isp)
    top[REVERSE] = _reverse_zone(spec, providers)
    root = Zone("", geography.ROOT_SERVERS)
    for name in top:
        root.delegate(name, geography.TLD_SERVERS)
    for server in (*geography.ROOT_SERVERS, *geography.TLD_SERVERS):
        root.records.append((f"{server.name}.", "A", str(server.address)))
    return {"root": {"": root}, "tld": top, "isp": isp}


def listen_addresses(levels: Levels) -> dict[str, list[IPv4Address]]:
    """The addresses each level's name server answers on, in order."""
    return {
        level: sorted({server.address for zone in zones.values() for server in zone.name_servers})
        for level, zones in levels.items()
    }


def _top_level_zones(spec: WorldSpec, served: Mapping[str, Zone]) -> dict[str, Zone]:
    children = [Delegation(zone=zone.name, name_servers=zone.name_servers) for zone in served.values()]
    fleet = [item for item in spec.delegations if not _has_parent(item, spec.delegations)]
    names = dict.fromkeys((*TOP_LEVEL, *(item.zone.rpartition(".")[2] for item in (*children, *fleet))))
    zones = {name: Zone(name, geography.TLD_SERVERS, DELEGATION_TTL_SECONDS) for name in names}
    for item in (*children, *fleet):
        zones[item.zone.rpartition(".")[2]].delegate(item.zone, item.name_servers)
    return zones


def _has_parent(child: Delegation, delegations: tuple[Delegation, ...]) -> bool:
    """Whether another delegated zone contains this one, so that its servers do the referring."""
    return any(_below(child.zone, other.zone) and child.zone != other.zone for other in delegations)


def _provider_zones(providers: tuple[Provider, ...]) -> dict[str, Zone]:
    zones = {name: Zone(name, provider.name_servers) for provider in providers for name in provider.zones}
    for provider in providers:
        for server in provider.name_servers:
            _owner_zone(zones, server.name).add(server.name, "A", str(server.address))
        for host, address in provider.exchangers.items():
            _owner_zone(zones, host).add(host, "A", str(address))
        for domain, records in provider.domains.items():
            zones[domain].add(domain, "TXT", f'"v=spf1 ip4:{provider.network} -all"')
            zones[domain].add(f"_dmarc.{domain}", "TXT", '"v=DMARC1; p=reject"')
            for preference, hosts in records.items():
                for host in hosts:
                    zones[domain].add(domain, "MX", f"{preference} {host}.")
    return zones


def _infrastructure_zones() -> dict[str, Zone]:
    zones = {name: Zone(name, geography.PKI_SERVERS) for name in INFRASTRUCTURE}
    for server in (*geography.ROOT_SERVERS, *geography.TLD_SERVERS, *geography.PKI_SERVERS):
        _owner_zone(zones, server.name).add(server.name, "A", str(server.address))
    zones["pki.example"].add(geography.ACME_NAME, "A", str(geography.ACME_ADDRESS))
    zones["pki.example"].add(geography.RESOLVER_NAME, "A", str(geography.RESOLVER_ADDRESS))
    return zones


def _reverse_zone(spec: WorldSpec, providers: tuple[Provider, ...]) -> Zone:
    zone = Zone(REVERSE, geography.TLD_SERVERS, DELEGATION_TTL_SECONDS)
    names: dict[IPv4Address, str] = {geography.ACME_ADDRESS: geography.ACME_NAME}
    for provider in providers:
        names |= {server.address: server.name for server in provider.name_servers}
        names |= {address: host for host, address in provider.exchangers.items()}
    for address, name in (names | spec.reverse_names).items():
        zone.add(address.reverse_pointer, "PTR", f"{name}.")
    return zone


def _owner_zone(zones: Mapping[str, Zone], name: str) -> Zone:
    """The closest enclosing zone of a name."""
    return zones[max((zone for zone in zones if _below(name, zone)), key=len)]


def _below(name: str, zone: str) -> bool:
    return not zone or name == zone or name.endswith(f".{zone}")
