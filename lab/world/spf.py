"""Sender Policy Framework (RFC 7208): whether an address may send for a domain.

`check_host` walks the published policies with the limits of section 4.6.4: ten terms that cause DNS
queries, two of them without an answer, ten names behind `mx` and `ptr`.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

from lab.world.lookup import Lookup, TemporaryDnsError
from lab.world.spf_macro import MacroContext, expand
from lab.world.spf_record import Directive, MalformedPolicyError, Policy, parse_policy

Result = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]

MAX_LOOKUPS = 10
MAX_VOID_LOOKUPS = 2
MAX_NAMES = 10
MAX_LABEL_LENGTH = 63
MAX_NAME_LENGTH = 253

_QUALIFIERS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


class _PermanentError(Exception):
    """The policy cannot be interpreted: result `permerror`."""


@dataclass
class _Check:
    """One evaluation; counters run over all included and redirected policies."""

    lookup: Lookup
    address: IPv4Address | IPv6Address
    sender: str
    helo: str
    lookups: int = 0
    voids: int = 0
    path: list[str] = field(default_factory=list)

    def spend(self) -> None:
        """Account for a term that causes queries."""
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise _PermanentError(f"more than {MAX_LOOKUPS} terms that cause DNS queries")

    async def ask(self, name: str, kind: Literal["A", "AAAA", "MX", "PTR"]) -> tuple[str, ...]:
        """A query of a mechanism; one without an answer is a void look-up."""
        values = await self.lookup(name, kind) if is_domain(name) else ()
        if not values:
            self.voids += 1
            if self.voids > MAX_VOID_LOOKUPS:
                raise _PermanentError(f"more than {MAX_VOID_LOOKUPS} queries without an answer")
        return values

    def expand(self, text: str, domain: str) -> str:
        """A domain specification with its macros replaced; overlong names lose labels on the left."""
        name = expand(text, MacroContext(self.address, self.sender, self.helo, domain)).rstrip(".").lower()
        while len(name) > MAX_NAME_LENGTH and "." in name:
            name = name.partition(".")[2]
        return name

    @property
    def address_kind(self) -> Literal["A", "AAAA"]:
        """The record type that holds addresses of the client's family."""
        return "A" if self.address.version == 4 else "AAAA"


async def check_host(lookup: Lookup, address: str, domain: str, sender: str, helo: str) -> Result:
    """The result for a client address, a domain, the envelope sender ("" for a bounce) and its HELO name.

    Never raises for what it finds in the DNS.
    """
    check = _Check(lookup, ip_address(address), sender if "@" in sender else f"postmaster@{helo}", helo)
    try:
        return await _evaluate(check, domain.rstrip(".").lower())
    except TemporaryDnsError:
        return "temperror"
    except (_PermanentError, MalformedPolicyError):
        return "permerror"


def is_domain(name: str) -> bool:
    """Whether a name can be asked for: two labels or more, none empty or overlong."""
    labels = name.split(".")
    return (
        len(labels) > 1
        and len(name) <= MAX_NAME_LENGTH
        and all(0 < len(label) <= MAX_LABEL_LENGTH for label in labels)
    )


async def _evaluate(check: _Check, domain: str) -> Result:
    if not is_domain(domain):
        return "none"
    texts = [text for text in await check.lookup(domain, "TXT") if text.split(" ", 1)[0].lower() == "v=spf1"]
    if not texts:
        return "none"
    if len(texts) > 1:
        raise _PermanentError(f"{domain} publishes more than one policy")
    policy = parse_policy(texts[0])
    for directive in policy.directives:
        if await _matches(check, directive, domain):
            return _QUALIFIERS[directive.qualifier]
    return await _redirect(check, policy, domain)


async def _redirect(check: _Check, policy: Policy, domain: str) -> Result:
    if policy.redirect is None:
        return "neutral"
    check.spend()
    result = await _evaluate(check, check.expand(policy.redirect, domain))
    if result == "none":
        raise _PermanentError("redirect to a domain without a policy")
    return result


async def _matches(check: _Check, directive: Directive, domain: str) -> bool:
    if directive.mechanism == "all":
        return True
    if directive.mechanism in ("ip4", "ip6"):
        network = ip_network(directive.argument, strict=False)
        return check.address.version == network.version and check.address in network
    check.spend()
    name = check.expand(directive.argument, domain) if directive.argument else domain
    if directive.mechanism in _BY_NAME:
        return await _BY_NAME[directive.mechanism](check, name)
    hosts = await _exchangers(check, name) if directive.mechanism == "mx" else (name,)
    for host in hosts:
        if _contains(check, await check.ask(host, check.address_kind), directive):
            return True
    return False


async def _include(check: _Check, name: str) -> bool:
    result = await _evaluate(check, name)
    if result == "temperror":
        raise TemporaryDnsError(name)
    if result in ("permerror", "none"):
        raise _PermanentError(f"include of {name}: {result}")
    return result == "pass"


async def _exchangers(check: _Check, name: str) -> tuple[str, ...]:
    hosts = await check.ask(name, "MX")
    if len(hosts) > MAX_NAMES:
        raise _PermanentError(f"{name} has more than {MAX_NAMES} mail exchangers")
    return hosts


async def _ptr(check: _Check, name: str) -> bool:
    try:
        names = await check.ask(check.address.reverse_pointer, "PTR")
    except TemporaryDnsError:
        return False
    for candidate in names[:MAX_NAMES]:
        if candidate != name and not candidate.endswith(f".{name}"):
            continue
        try:
            addresses = await check.lookup(candidate, check.address_kind)
        except TemporaryDnsError:
            continue
        if str(check.address) in addresses:
            return True
    return False


async def _exists(check: _Check, name: str) -> bool:
    return bool(await check.ask(name, "A"))


_BY_NAME = {"include": _include, "exists": _exists, "ptr": _ptr}


def _contains(check: _Check, addresses: tuple[str, ...], directive: Directive) -> bool:
    prefix = directive.prefix4 if check.address.version == 4 else directive.prefix6
    return any(check.address in ip_network(f"{item}/{prefix}", strict=False) for item in addresses)
