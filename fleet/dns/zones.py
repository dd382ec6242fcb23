"""The zones the fleet's name servers answer: its own, the sending domains, and the two that change."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv4Address

from fleet.dns.certificates import certificate_names, challenge_name, policy_domains
from fleet.dns.model import DkimPublicKey, DnsError, Record, Zone, ZoneKind, txt
from fleet.dns.mtasts import policy_host, policy_id, policy_text
from fleet.dns.spf import MOST_ADDRESSES, MOST_LOOKUPS, spf_text
from fleet.spec.models import SendingDomain
from fleet.topology import Fleet, FleetNode

DMARC_MAILBOX = "dmarc"
TLS_REPORT_MAILBOX = "tls-rpt"
"""Local parts at the operator's domain that take reports."""

STATIC_TTL_SECONDS = 300
CHALLENGE_TTL_SECONDS = 1
MX_PREFERENCE = 10

DkimKeys = Mapping[str, Mapping[str, DkimPublicKey]]
"""Public keys by sending domain and selector."""


def zones(fleet: Fleet, dkim_keys: DkimKeys) -> tuple[Zone, ...]:
    """Every zone: the operator's, the sending domains', the steered one, and that of ACME challenges.

    Raises DnsError when a selector has no key.
    """
    operator = fleet.environment.operator
    ttl = fleet.environment.failover.dns_ttl_seconds
    static = [_zone(fleet, operator.domain, "static", STATIC_TTL_SECONDS, _operator_records(fleet))]
    for domain, sending in fleet.environment.domains.items():
        records = _sending_records(fleet, domain, sending, dkim_keys.get(domain, {}))
        static.append(_zone(fleet, domain, "static", STATIC_TTL_SECONDS, records))
    steered = _zone(fleet, operator.steered_zone, "steered", ttl, _steered_records(fleet))
    return *static, steered, _zone(fleet, fleet.acme_zone, "acme", CHALLENGE_TTL_SECONDS, ())


def served_zones(fleet: Fleet, dkim_keys: DkimKeys) -> tuple[Zone, ...]:
    """The zones that the fleet's own name servers hold: all, or where a DNS host answers, the challenges'."""
    found = zones(fleet, dkim_keys)
    return found if fleet.answers_for_its_zones else tuple(zone for zone in found if zone.kind == "acme")


def _zone(
    fleet: Fleet, name: str, kind: ZoneKind, negative_ttl_seconds: int, records: Iterable[Record]
) -> Zone:
    servers = [Record(name, "NS", f"{server}.", STATIC_TTL_SECONDS) for server in _server_names(fleet)]
    challenges = _challenges(fleet, name)
    return Zone(
        name=name,
        kind=kind,
        primary=_server_names(fleet)[0],
        contact=fleet.environment.operator.contact,
        negative_ttl_seconds=negative_ttl_seconds,
        records=(*servers, *records, *challenges),
    )


def _operator_records(fleet: Fleet) -> Iterator[Record]:
    operator = fleet.environment.operator
    domain = operator.domain
    for node in fleet.nodes:
        yield from _host_records(fleet, node)
    for zone in (operator.steered_zone, fleet.acme_zone):
        for server in _server_names(fleet):
            yield _record(zone, "NS", f"{server}.")
    yield from _inbound_records(fleet, domain)
    yield _record(domain, "TXT", txt(_operator_spf(fleet)))
    for name, addresses in spf_parts(fleet).items():
        yield _record(name, "TXT", txt(spf_text(addresses, {}, final="?all")))
    yield _record(f"_dmarc.{domain}", "TXT", txt(f"v=DMARC1; p=none; rua=mailto:{DMARC_MAILBOX}@{domain}"))
    for sending_domain in fleet.environment.domains:
        # RFC 9990 (before: RFC 7489, 7.1): without it receivers send no reports about one domain to another.
        yield _record(f"{sending_domain}._report._dmarc.{domain}", "TXT", txt("v=DMARC1"))


def _host_records(fleet: Fleet, node: FleetNode) -> Iterator[Record]:
    yield _record(node.fqdn, "A", str(node.address))
    if node.role == "mta":
        yield _record(fleet.mx_name(node), "A", str(node.address))
    if node.name_server:
        yield _record(fleet.name_server_name(node), "A", str(node.address))
    for sending in node.sending:
        yield _record(sending.name, "A", str(sending.address))
        # Receivers check the HELO name when the envelope sender is empty, as in bounces.
        yield _record(sending.name, "TXT", txt(spf_text([sending.address], {}, final="-all")))


def _inbound_records(fleet: Fleet, domain: str) -> Iterator[Record]:
    """What a domain that takes mail publishes: exchangers, MTA-STS, TLS reports, CAA."""
    operator = fleet.environment.operator
    for node in fleet.mta_nodes:
        yield _record(domain, "MX", f"{MX_PREFERENCE} {fleet.mx_name(node)}.")
    mode = policy_domains(fleet).get(domain)
    if mode is not None:
        identifier = policy_id(policy_text(fleet, mode))
        yield _record(f"_mta-sts.{domain}", "TXT", txt(f"v=STSv1; id={identifier}"))
        yield _record(policy_host(domain), "CNAME", f"{fleet.sts_name}.")
    report = f"v=TLSRPTv1; rua=mailto:{TLS_REPORT_MAILBOX}@{operator.domain}"
    yield _record(f"_smtp._tls.{domain}", "TXT", txt(report))
    for tag, value in (
        ("issue", fleet.environment.acme.caa),
        ("issuewild", ";"),
        ("iodef", f"mailto:{operator.contact}"),
    ):
        yield _record(domain, "CAA", f'0 {tag} "{value}"')


def _sending_records(
    fleet: Fleet, domain: str, sending: SendingDomain, keys: Mapping[str, DkimPublicKey]
) -> Iterator[Record]:
    """The domain is its owner's: below the return path all is ours, elsewhere only TXT records."""
    return_path = f"{sending.return_path}.{domain}"
    yield from _inbound_records(fleet, return_path)
    yield _record(return_path, "TXT", txt(_spf(fleet, sending.pools, {}, final="-all")))
    # Other senders of the domain may be unknown to us, so what is not listed only weighs against.
    yield _record(domain, "TXT", txt(_spf(fleet, sending.pools, sending.spf_includes, final="~all")))
    reports = f"{DMARC_MAILBOX}@{fleet.environment.operator.domain}"
    policy = f"v=DMARC1; p={sending.dmarc.policy}; rua=mailto:{reports}"
    yield _record(f"_dmarc.{domain}", "TXT", txt(policy))
    for selector in (sending.dkim_selectors.active, sending.dkim_selectors.standby):
        key = keys.get(selector)
        if key is None:
            raise DnsError(f"domain {domain} has no DKIM key for selector {selector}; provision it first")
        value = f"v=DKIM1; k={key.algorithm}; p={key.base64}"
        yield _record(f"{selector}._domainkey.{domain}", "TXT", txt(value))


def spf_parts(fleet: Fleet) -> dict[str, list[IPv4Address]]:
    """Records that hold the addresses of a fleet too large to name them all in one; {} for a small one."""
    if len(fleet.sending_addresses) <= MOST_ADDRESSES:
        return {}
    return {
        f"{pool.pool}-{number}._spf.{fleet.environment.operator.domain}": part
        for pool in fleet.pools
        for number, part in enumerate(_slices(_addresses(fleet, [pool.pool])), start=1)
    }


def _slices(addresses: list[IPv4Address]) -> Iterator[list[IPv4Address]]:
    for start in range(0, len(addresses), MOST_ADDRESSES):
        yield addresses[start : start + MOST_ADDRESSES]


def _addresses(fleet: Fleet, pools: Collection[str]) -> list[IPv4Address]:
    return [one.address for one in fleet.sending_addresses if one.pool in pools]


def _spf(fleet: Fleet, pools: Collection[str], includes: Mapping[str, int], *, final: str) -> str:
    addresses = _addresses(fleet, pools)
    if len(addresses) <= MOST_ADDRESSES:
        return spf_text(addresses, includes, final=final)
    wanted = set(addresses)
    parts = {name: 1 for name, part in spf_parts(fleet).items() if wanted.issuperset(part)}
    return spf_text((), {**parts, **includes}, final=final)


def _operator_spf(fleet: Fleet) -> str:
    """The operator's own domain sends only bounces, whose HELO names have records of their own.

    So where its record would cost too many look-ups it may name no address at all.
    """
    if len(spf_parts(fleet)) > MOST_LOOKUPS:
        return spf_text((), {}, final="-all")
    return _spf(fleet, list(fleet.environment.pools), {}, final="-all")


def _steered_records(fleet: Fleet) -> Iterator[Record]:
    """Every node in service; from then on the failover daemon decides."""
    ttl = fleet.environment.failover.dns_ttl_seconds
    for pool in fleet.pools:
        for node in fleet.members(pool.pool):
            yield Record(pool.submission_name, "A", str(node.entry_address(pool.pool)), ttl)
    for node in fleet.mta_nodes:
        yield Record(fleet.sts_name, "A", str(node.address), ttl)


def _challenges(fleet: Fleet, zone: str) -> Iterator[Record]:
    """CNAMEs for the certificate names that lie in `zone` and no zone below it."""
    inner = [one for one in _zone_names(fleet) if one.endswith(f".{zone}")]
    for name in certificate_names(fleet):
        if name.endswith(f".{zone}") and not any(name.endswith(f".{one}") for one in inner):
            target = f"{challenge_name(fleet, name)}."
            yield Record(f"_acme-challenge.{name}", "CNAME", target, STATIC_TTL_SECONDS)


def _zone_names(fleet: Fleet) -> list[str]:
    operator = fleet.environment.operator
    return [operator.domain, operator.steered_zone, fleet.acme_zone, *fleet.environment.domains]


def _server_names(fleet: Fleet) -> list[str]:
    return [fleet.name_server_name(node) for node in fleet.name_servers]


def _record(name: str, type_: str, value: str) -> Record:
    return Record(name, type_, value, STATIC_TTL_SECONDS)
