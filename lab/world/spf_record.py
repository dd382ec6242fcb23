"""The text of an SPF policy as typed directives (RFC 7208, sections 4.5, 5, 6 and 12)."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Network, IPv6Network, NetmaskValueError

from lab.world.spf_macro import is_domain_spec


class MalformedPolicyError(Exception):
    """A term breaks the grammar."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism with its qualifier; `argument` is a network or a domain specification, "" when left out."""

    qualifier: str
    mechanism: str
    argument: str = ""
    prefix4: int = 32
    prefix6: int = 128


@dataclass(frozen=True, slots=True)
class Policy:
    """The directives in order and the domain to turn to when none matches."""

    directives: tuple[Directive, ...]
    redirect: str | None = None


_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)")
_DIRECTIVE = re.compile(r"([+?~-]?)([A-Za-z][A-Za-z0-9._-]*)([:/].*)?")
_PREFIXES = re.compile(r"(?P<domain>.*?)(?:/(?P<four>0|[1-9]\d?))?(?://(?P<six>0|[1-9]\d{0,2}))?")
_NEEDS_DOMAIN = {"include", "exists"}
_TAKES_PREFIX = {"a", "mx"}


def parse_policy(text: str) -> Policy:
    """Parse a record that begins with `v=spf1`; raises `MalformedPolicyError` for any malformed term."""
    directives: list[Directive] = []
    modifiers: dict[str, str] = {}
    for term in text.split(" ")[1:]:
        if not term:
            continue
        if match := _MODIFIER.fullmatch(term):
            _add_modifier(modifiers, match[1].lower(), match[2])
        else:
            directives.append(_directive(term))
    redirect = None if any(item.mechanism == "all" for item in directives) else modifiers.get("redirect")
    return Policy(tuple(directives), redirect)


def _add_modifier(modifiers: dict[str, str], name: str, value: str) -> None:
    if name in ("redirect", "exp"):
        if name in modifiers:
            raise MalformedPolicyError(f"{name} appears twice")
        if not is_domain_spec(value):
            raise MalformedPolicyError(f"{name}={value}: not a domain")
        modifiers[name] = value


def _directive(term: str) -> Directive:
    match = _DIRECTIVE.fullmatch(term)
    if match is None:
        raise MalformedPolicyError(f"{term}: not a term")
    qualifier, name, rest = match[1] or "+", match[2].lower(), match[3] or ""
    if name == "all" and not rest:
        return Directive(qualifier, name)
    if name in ("ip4", "ip6") and rest.startswith(":"):
        return Directive(qualifier, name, _network(name, rest[1:]))
    if name in _TAKES_PREFIX:
        return _address_directive(qualifier, name, rest)
    if name in _NEEDS_DOMAIN or name == "ptr":
        if rest.startswith(":") and is_domain_spec(rest[1:]):
            return Directive(qualifier, name, rest[1:])
        if name == "ptr" and not rest:
            return Directive(qualifier, name)
    raise MalformedPolicyError(f"{term}: not a mechanism")


def _address_directive(qualifier: str, name: str, rest: str) -> Directive:
    match = _PREFIXES.fullmatch(rest)
    domain = match["domain"] if match else "?"
    four, six = int(match["four"] or 32) if match else 99, int(match["six"] or 128) if match else 999
    if match and match["four"] == "0":
        four = 0
    if domain and not (domain.startswith(":") and is_domain_spec(domain[1:])):
        raise MalformedPolicyError(f"{name}{rest}: not a domain")
    if four > 32 or six > 128:
        raise MalformedPolicyError(f"{name}{rest}: prefix too long")
    return Directive(qualifier, name, domain[1:], four, six)


def _network(name: str, text: str) -> str:
    _, slash, prefix = text.partition("/")
    if slash and not (prefix.isdecimal() and prefix == str(int(prefix))):
        raise MalformedPolicyError(f"{name}:{text}: not a prefix length")
    try:
        network = IPv4Network(text, strict=False) if name == "ip4" else IPv6Network(text, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise MalformedPolicyError(f"{name}:{text}: not a network") from error
    return str(network)
