"""DNS questions as the verifiers ask them, and their answers from a real resolver."""

import time
from typing import Literal, Protocol

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

LIFETIME_SECONDS = 3.0
FAILURE_SECONDS = 2.0
"""How long a failure is remembered, so that name servers that are down do not slow every message."""

Kind = Literal["A", "AAAA", "MX", "TXT", "PTR"]


class TemporaryDnsError(Exception):
    """No answer now: the resolver timed out or said SERVFAIL."""


class Lookup(Protocol):
    """Asks one question.

    Values are addresses, host names without the final dot (MX in order of preference), or TXT strings joined;
    an empty tuple means that the name or the type does not exist. Raises `TemporaryDnsError`.
    """

    async def __call__(self, name: str, kind: Kind) -> tuple[str, ...]: ...


class ResolverLookup:
    """A `Lookup` on a recursive resolver, with a small cache that honours TTLs."""

    def __init__(self, address: str, port: int = 53) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [address]
        self._resolver.port = port
        self._resolver.lifetime = LIFETIME_SECONDS
        self._resolver.timeout = LIFETIME_SECONDS / 2
        self._resolver.cache = dns.resolver.LRUCache(10_000)
        self._failures: dict[tuple[str, Kind], tuple[float, str]] = {}

    async def __call__(self, name: str, kind: Kind) -> tuple[str, ...]:
        known = self._failures.get((name, kind))
        if known is not None and known[0] > time.monotonic():
            raise TemporaryDnsError(known[1])
        try:
            values = await self._ask(name, kind)
        except TemporaryDnsError as error:
            self._failures[name, kind] = (time.monotonic() + FAILURE_SECONDS, str(error))
            raise
        self._failures.pop((name, kind), None)
        return values

    async def _ask(self, name: str, kind: Kind) -> tuple[str, ...]:
        try:
            answer = await self._resolver.resolve(name, kind, search=False, raise_on_no_answer=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN):
            return ()
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise TemporaryDnsError(f"{name} {kind}: {error}") from error
        return tuple(_values(answer, kind))


def _values(answer: dns.resolver.Answer, kind: Kind) -> list[str]:
    if answer.rrset is None:
        return []
    if kind == "MX":
        ordered = sorted(answer.rrset, key=lambda item: item.preference)
        return [item.exchange.to_text(omit_final_dot=True).lower() for item in ordered]
    if kind == "TXT":
        return [b"".join(item.strings).decode("utf-8", "replace") for item in answer.rrset]
    if kind == "PTR":
        return [item.target.to_text(omit_final_dot=True).lower() for item in answer.rrset]
    return [item.address for item in answer.rrset]
