"""SPF (RFC 7208), flattened: the fleet's addresses are named themselves and cost no look-up."""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from fleet.dns.model import DnsError

MOST_LOOKUPS = 10
LONGEST_RECORD_BYTES = 1100
"""With the rest of an answer this still fits the usual EDNS size of 1,232 bytes."""

MOST_ADDRESSES = 50
"""So many fit into one record even when none is next to another, as public addresses of a cloud are."""

_COSTLY = re.compile(r"[+?~-]?((include|exists):|redirect=|(a|mx|ptr)([:/]|$))", re.IGNORECASE)
_NESTED = re.compile(r"[+?~-]?(include:|redirect=)(?P<name>[^%]+)$", re.IGNORECASE)


def spf_text(addresses: Iterable[IPv4Address], includes: Mapping[str, int], *, final: str) -> str:
    """The record that admits `addresses` and `includes` (each with the look-ups it costs).

    `final` is `-all` or `~all`. Raises DnsError beyond ten look-ups or a record too long to answer.
    """
    networks = collapse_addresses(IPv4Network(address) for address in sorted(addresses))
    own = [f"ip4:{net.network_address if net.prefixlen == 32 else net}" for net in networks]
    text = " ".join(["v=spf1", *own, *(f"include:{name}" for name in includes), final])
    lookups = sum(includes.values())
    if lookups > MOST_LOOKUPS:
        raise DnsError(
            f"SPF record `{text[:60]}...` costs {lookups} DNS look-ups; {MOST_LOOKUPS} are allowed"
        )
    if len(text) > LONGEST_RECORD_BYTES:
        raise DnsError(
            f"SPF record `{text[:60]}...` has {len(text)} bytes, more than an answer of one packet holds "
            f"({LONGEST_RECORD_BYTES}): name fewer pools for the domain, or give pools adjacent addresses"
        )
    return text


def named_addresses(text: str) -> tuple[IPv4Address, ...]:
    """The addresses that the record itself names, in their order."""
    networks = [IPv4Network(term[4:]) for term in text.split() if term.startswith("ip4:")]
    return tuple(address for network in networks for address in network)


def renamed_addresses(text: str, public: Mapping[IPv4Address, IPv4Address]) -> str:
    """The record with each address it names replaced by its public one; KeyError when it has none."""
    own = {public[address] for address in named_addresses(text)}
    networks = collapse_addresses(IPv4Network(address) for address in sorted(own))
    terms = [f"ip4:{net.network_address if net.prefixlen == 32 else net}" for net in networks]
    head, *rest = (term for term in text.split() if not term.startswith("ip4:"))
    return " ".join([head, *terms, *rest])


def included_lookups(name: str, fetch: Callable[[str], str | None]) -> int:
    """The DNS look-ups that `include:NAME` costs a receiver, itself included.

    `fetch` gives the SPF record of a name, None when there is none. Counting stops beyond ten, where
    receivers stop too, so that records that include each other come to an end.
    """
    spent = 0
    waiting = [name]
    while waiting and spent <= MOST_LOOKUPS:
        spent += 1
        for term in lookup_terms(fetch(waiting.pop()) or ""):
            inner = _NESTED.match(term)
            if inner:
                waiting.append(inner["name"])
            else:
                spent += 1
    return spent


def lookup_terms(text: str) -> list[str]:
    """The terms of a record that cost a receiver a DNS look-up."""
    return [term for term in text.split()[1:] if _COSTLY.match(term)]
