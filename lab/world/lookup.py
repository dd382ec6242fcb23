"""DNS questions as the verifiers ask them, and their answers from a real resolver."""

from typing import Literal, Protocol

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

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
        self._resolver.lifetime = 5
        self._resolver.timeout = 2
        self._resolver.cache = dns.resolver.LRUCache(10_000)

    async def __call__(self, name: str, kind: Kind) -> tuple[str, ...]:
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
