"""Which ISP hosts a recipient's domain, by its mail exchangers: remembered, bounded, waited for briefly.

A known domain is answered at once, also when its time is up: it is looked up anew beside that. An unknown
one is waited for as long as the caller likes; the look-up goes on, and the next question finds it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver

MOST_DOMAINS = 100_000
MOST_LOOKUPS = 500
"""At the same time."""
LOOKUP_SECONDS = 10.0
LEAST_SECONDS, MOST_SECONDS = 60.0, 86_400.0
"""Within which a record's own time to live counts."""
ABSENT_SECONDS = 300.0
"""For names that do not exist."""
TROUBLE_SECONDS = 30.0
"""After a look-up that failed."""


@dataclass(frozen=True, slots=True)
class Found:
    """What DNS says of a domain."""

    hosts: tuple[str, ...]
    """The most preferred exchangers, lower case, without the last dot; empty when there is none."""
    seconds: float


class Lookup(Protocol):
    """Asks DNS for a domain's exchangers; raises OSError when nobody can tell."""

    async def __call__(self, domain: str) -> Found: ...


@dataclass(slots=True)
class _Known:
    isp: str | None
    """None: could not be looked up."""
    until: float


class Exchangers:
    """ISPs by recipient domain."""

    def __init__(
        self,
        lookup: Lookup,
        suffixes: Mapping[str, str],
        default_isp: str,
        clock: Callable[[], float],
        most_domains: int = MOST_DOMAINS,
    ) -> None:
        self._lookup, self._suffixes, self._default, self._clock = lookup, suffixes, default_isp, clock
        self._most = most_domains
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def known(self, domain: str) -> str | None:
        """The ISP, as far as it can be told at once; sees to it that an old answer is looked up anew."""
        one = self._known.get(domain)
        if one is None:
            return None
        if one.until <= self._clock():
            self._begin(domain)
        return one.isp

    async def find(self, domain: str, seconds: float) -> str | None:
        """The ISP; None when it cannot be told within `seconds`."""
        one = self._known.get(domain)
        if one is None or (one.isp is None and one.until <= self._clock()):
            task = self._begin(domain)
            if task is not None:
                await asyncio.wait([task], timeout=seconds)
        return self.known(domain)

    def is_looking_up(self, domain: str) -> bool:
        return domain in self._under_way

    def learn(self, domain: str, isp: str) -> None:
        """Take over what somebody else has found out."""
        one = self._known.get(domain)
        if one is None or one.isp != isp:
            self._know(domain, isp, LEAST_SECONDS)

    def close(self) -> None:
        for task in self._under_way.values():
            task.cancel()

    def __len__(self) -> int:
        return len(self._known)

    def _begin(self, domain: str) -> "asyncio.Task[None] | None":
        task = self._under_way.get(domain)
        if task is None and len(self._under_way) < MOST_LOOKUPS:
            task = self._under_way[domain] = asyncio.create_task(self._look_up(domain))
            task.add_done_callback(lambda _: self._under_way.pop(domain, None))
        return task

    async def _look_up(self, domain: str) -> None:
        try:
            found = await self._lookup(domain)
        except OSError:
            before = self._known.get(domain)
            isp, seconds = (before.isp if before else None), TROUBLE_SECONDS
        else:
            # Without an exchanger the domain itself takes its mail, or nobody does: Postfix finds out which.
            isp, seconds = self._isp_of(found.hosts or (domain,)), found.seconds
        self._know(domain, isp, seconds)

    def _know(self, domain: str, isp: str | None, seconds: float) -> None:
        self._known[domain] = _Known(isp, self._clock() + seconds)
        self._known.move_to_end(domain)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def _isp_of(self, hosts: tuple[str, ...]) -> str:
        """Of the most preferred exchangers the first by name that belongs to an ISP of the catalogue."""
        for host in sorted(hosts):
            labels = host.split(".")
            for first in range(len(labels)):  # the longest suffix first
                isp = self._suffixes.get(".".join(labels[first:]))
                if isp is not None:
                    return isp
        return self._default


def dns_lookup(resolver: str) -> Lookup:
    """Asks the resolver at this address."""
    asks = dns.asyncresolver.Resolver(configure=False)
    asks.nameservers = [resolver]
    asks.lifetime = LOOKUP_SECONDS

    async def look_up(domain: str) -> Found:
        try:
            answer = await asks.resolve(domain, "MX", raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Found((), ABSENT_SECONDS)
        except dns.exception.DNSException as error:
            raise OSError(str(error)) from None
        seconds = min(MOST_SECONDS, max(LEAST_SECONDS, float(answer.chaining_result.minimum_ttl)))
        if answer.rrset is None:
            return Found((), seconds)
        best = min(record.preference for record in answer.rrset)
        names = [str(one.exchange) for one in answer.rrset if one.preference == best]
        return Found(tuple(name.lower().rstrip(".") for name in names if name != "."), seconds)

    return look_up
