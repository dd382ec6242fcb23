"""DNS questions as the verifiers ask them, and their answers from a real resolver."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal, Protocol

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

LIFETIME_SECONDS = 5.0
LONGEST_ANSWER_SECONDS = 60.0

FAILURE_SECONDS = 1.0
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
    """A `Lookup` on a recursive resolver.

    Keeps answers as long as their TTL says by `clock`, but no shorter than `keep_at_least_seconds` (also that
    there is no answer), and asks each question once at a time, however many wait for it. A client that
    follows steered names keeps nothing longer than the TTL: 0.
    """

    def __init__(
        self,
        address: str,
        *,
        port: int = 53,
        keep_at_least_seconds: float = 5.0,
        lifetime_seconds: float = LIFETIME_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [address]
        self._resolver.port = port
        self._resolver.lifetime = lifetime_seconds
        self._resolver.timeout = lifetime_seconds / 3
        self._clock = clock
        self._keep_at_least_seconds = keep_at_least_seconds
        self._known: dict[tuple[str, Kind], tuple[float, tuple[str, ...] | TemporaryDnsError]] = {}
        self._asking: dict[tuple[str, Kind], asyncio.Task[tuple[str, ...]]] = {}

    async def __call__(self, name: str, kind: Kind) -> tuple[str, ...]:
        key = (name, kind)
        expires, known = self._known.get(key, (0.0, ()))
        if expires > self._clock():
            if isinstance(known, TemporaryDnsError):
                raise TemporaryDnsError(str(known))
            return known
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._ask(name, kind))
            self._asking[key].add_done_callback(lambda task: self._asked(key, task))
        return await asyncio.shield(self._asking[key])

    def _asked(self, key: tuple[str, Kind], task: asyncio.Task[tuple[str, ...]]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # whoever still waits gets it; if nobody does, it is no news

    async def _ask(self, name: str, kind: Kind) -> tuple[str, ...]:
        try:
            values, ttl_seconds = await self._resolve(name, kind)
        except TemporaryDnsError as error:
            self._known[name, kind] = (self._clock() + FAILURE_SECONDS, error)
            raise
        keep_seconds = min(max(ttl_seconds, self._keep_at_least_seconds), LONGEST_ANSWER_SECONDS)
        self._known[name, kind] = (self._clock() + keep_seconds, values)
        return values

    async def _resolve(self, name: str, kind: Kind) -> tuple[tuple[str, ...], float]:
        try:
            answer = await self._resolver.resolve(name, kind, search=False, raise_on_no_answer=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN):
            return (), 0.0
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise TemporaryDnsError(f"{name} {kind}: {error}") from error
        return tuple(_values(answer, kind)), float(answer.rrset.ttl) if answer.rrset else 0.0


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
