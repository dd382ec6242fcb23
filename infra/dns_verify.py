"""Asks name servers what they publish and compares it, record by record, with what was meant."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.reversename

from fleet.dns import delegations, reverse_names, served_zones, zones
from fleet.dns.compare import (
    Answer,
    Difference,
    Expected,
    Kind,
    canonical_answer_value,
    compare,
    expected_records,
)
from fleet.dns.hosted import PublicAddresses
from fleet.dns.model import txt_text
from fleet.dns.spf import included_lookups
from fleet.dns.zones import DkimKeys
from fleet.topology import Fleet
from infra.dns_hosted import LONGEST_TTL_SECONDS, published_records
from infra.dns_walk import Ask, Walk, WalkError

TIMEOUTS_SECONDS = (2.0, 5.0)
"""Each question is asked so often: a datagram may be lost, and a busy server is slow."""
TRIES_BEFORE_GIVING_UP = 2
"""A server that leaves so many questions in a row unanswered is not asked any further."""

Resolve = Callable[[str, str], Answer]


@dataclass(frozen=True, slots=True)
class View:
    """What one way of asking showed."""

    name: str
    checked: int
    differences: tuple[Difference, ...]


def ask(server: str, name: str, type_: str, *, port: int = 53) -> dns.message.Message:
    """One question to one server, without recursion; over TCP when the answer is too long for UDP.

    Raises OSError or dns.exception.DNSException when no usable answer comes.
    """
    query = dns.message.make_query(name, type_, use_edns=0, payload=1232, flags=dns.flags.Flag(0))
    *earlier, last = TIMEOUTS_SECONDS
    for seconds in earlier:
        with suppress(dns.exception.Timeout):
            return dns.query.udp_with_fallback(query, server, timeout=seconds, port=port)[0]
    return dns.query.udp_with_fallback(query, server, timeout=last, port=port)[0]


def answer_of(message: dns.message.Message, name: str, type_: str) -> Answer:
    """The part of a message that answers the question itself, aliases not followed."""
    status = dns.rcode.to_text(message.rcode())
    wanted, kind = dns.name.from_text(name), dns.rdatatype.from_text(type_)
    for rrset in message.answer:
        if rrset.name == wanted and rrset.rdtype == kind:
            values = frozenset(canonical_answer_value(type_, rdata.to_text()) for rdata in rrset)
            return Answer(status, values, rrset.ttl)
    return Answer(status)


def verify(
    fleet: Fleet,
    dkim_keys: DkimKeys,
    root_servers: Sequence[IPv4Address],
    ask_server: Ask = ask,
    public: PublicAddresses | None = None,
) -> tuple[View, ...]:
    """Every record that each of the fleet's name servers holds, then everything again from the root down.

    With no `root_servers` the host's own resolver stands for the way from the root. `public` are the
    addresses that the world sees where they are translated; a DNS host publishes the records there.
    """
    at_servers = verify_servers(fleet, dkim_keys, ask_server, public)
    if fleet.answers_for_its_zones:
        outside = (*expected_records(zones(fleet, dkim_keys)), *_reverse_records(fleet))
    else:
        outside = published_records(fleet, dkim_keys, public or {})
    if not root_servers:
        seen = _check("this host's resolver", outside, _system, cached=True)
        return *at_servers, seen, _check_includes(fleet, _system)
    walk = Walk(tuple(str(address) for address in root_servers), ask_server)
    resolve = _from_root(walk)
    from_root = _check("from the root", outside, resolve, cached=True)
    return *at_servers, from_root, _check_delegations(fleet, walk), _check_includes(fleet, resolve)


def verify_servers(
    fleet: Fleet, dkim_keys: DkimKeys, ask_server: Ask = ask, public: PublicAddresses | None = None
) -> tuple[View, ...]:
    """Every record that each of the fleet's name servers holds."""
    expected = expected_records(served_zones(fleet, dkim_keys))
    at = {node.name: (public or {}).get(node.address, node.address) for node in fleet.name_servers}
    return tuple(
        _check(
            f"{fleet.name_server_name(node)} ({at[node.name]})", expected, _direct(at[node.name], ask_server)
        )
        for node in fleet.name_servers
    )


def _check(view: str, expected: Iterable[Expected], resolve: Resolve, *, cached: bool = False) -> View:
    differences: list[Difference] = []
    checked = failures = 0
    for one in expected:
        answer = resolve(one.name, one.type)
        checked += 1
        difference = compare(view, one, answer, cached=cached)
        failures = failures + 1 if difference and difference.kind is Kind.NO_ANSWER else 0
        if difference:
            differences.append(difference)
        if failures >= TRIES_BEFORE_GIVING_UP:
            break
    return View(view, checked, tuple(differences))


def _direct(server: IPv4Address, ask_server: Ask) -> Resolve:
    def resolve(name: str, type_: str) -> Answer:
        try:
            return answer_of(ask_server(str(server), name, type_), name, type_)
        except (OSError, dns.exception.DNSException) as error:
            return Answer(_reason(error))

    return resolve


def _from_root(walk: Walk) -> Resolve:
    def resolve(name: str, type_: str) -> Answer:
        try:
            return answer_of(walk.message(name, type_), name, type_)
        except WalkError as error:
            return Answer(str(error))

    return resolve


def _system(name: str, type_: str) -> Answer:
    try:
        found = dns.resolver.resolve(name, type_, raise_on_no_answer=False, lifetime=sum(TIMEOUTS_SECONDS))
    except dns.resolver.NXDOMAIN:
        return Answer("NXDOMAIN")
    except (OSError, dns.exception.DNSException) as error:
        return Answer(_reason(error))
    return answer_of(found.response, name, type_)


def _reverse_records(fleet: Fleet) -> tuple[Expected, ...]:
    """PTR records, whose TTL is up to the owner of the address range."""
    return tuple(
        Expected(
            dns.reversename.from_address(str(address)).to_text(omit_final_dot=True),
            "PTR",
            frozenset({f"{name}."}),
            LONGEST_TTL_SECONDS,
        )
        for address, name in sorted(reverse_names(fleet).items())
    )


def _check_delegations(fleet: Fleet, walk: Walk) -> View:
    """The parents name exactly our servers, with the right addresses."""
    view = "delegations"
    differences = []
    wanted = delegations(fleet)
    for one in wanted:
        expected = {f"{name} {address}" for name, address in one.name_servers}
        try:
            found = {f"{name} {address}" for name, address in walk.delegation(one.zone)}
        except WalkError as error:
            differences.append(
                Difference(view, one.zone, "NS", Kind.NO_ANSWER, ", ".join(sorted(expected)), str(error))
            )
            continue
        if found != expected:
            differences.append(
                Difference(
                    view,
                    one.zone,
                    "NS",
                    Kind.DIFFERENT,
                    ", ".join(sorted(expected)),
                    ", ".join(sorted(found)) or "none",
                )
            )
    return View(view, len(wanted), tuple(differences))


def _check_includes(fleet: Fleet, resolve: Resolve) -> View:
    """Other senders' SPF records cost no more look-ups than the environment file counts for them."""
    view = "SPF includes"
    differences = []
    includes = [
        (name, given)
        for sending in fleet.environment.domains.values()
        for name, given in sending.spf_includes.items()
    ]
    for name, given in includes:
        if _spf_record(name, resolve) is None:
            differences.append(Difference(view, name, "TXT", Kind.MISSING, "an SPF record", "none"))
            continue
        actual = included_lookups(name, lambda inner: _spf_record(inner, resolve))
        if actual > given:
            expected, found = f"{given} look-ups", f"{actual} look-ups"
            differences.append(Difference(view, name, "TXT", Kind.DIFFERENT, expected, found))
    return View(view, len(includes), tuple(differences))


def _spf_record(name: str, resolve: Resolve) -> str | None:
    texts = (txt_text(value) for value in resolve(name, "TXT").values)
    return next((text for text in texts if text.lower().split(" ")[0] == "v=spf1"), None)


def _reason(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        return f"no answer within {sum(TIMEOUTS_SECONDS):g} s"
    return str(error) or type(error).__name__
