"""Macros in SPF domain specifications (RFC 7208, section 7)."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

_EXPANSION = r"%\{[slodiphSLODIPH][0-9]*[rR]?[.\-+,/_=]*\}|%\{[vV][0-9]*[rR]?[.\-+,/_=]*\}|%%|%_|%-"
_DOMAIN_SPEC = re.compile(
    rf"(?:{_EXPANSION}|[\x21-\x24\x26-\x7e])*(?:{_EXPANSION}|\.[A-Za-z0-9-]*[A-Za-z0-9]\.?)"
)
_MACRO = re.compile(r"%\{([A-Za-z])([0-9]*)([rR]?)([.\-+,/_=]*)\}|%(.)")
_PLAIN_TOP_LABEL = re.compile(r"[0-9]+")
_ZERO = re.compile(r"%\{[A-Za-z]0+[^0-9]")


@dataclass(frozen=True, slots=True)
class MacroContext:
    """What the letters stand for; `sender` always has a local part and a domain."""

    address: IPv4Address | IPv6Address
    sender: str
    helo: str
    domain: str

    def value(self, letter: str) -> str:
        """The text of one macro letter, lower case."""
        local, _, sender_domain = self.sender.rpartition("@")
        return {
            "s": self.sender,
            "l": local,
            "o": sender_domain,
            "d": self.domain,
            "i": self._dotted_address(),
            "p": "unknown",  # the RFC advises against asking for it, and allows this answer
            "v": "in-addr" if self.address.version == 4 else "ip6",
            "h": self.helo,
        }[letter]

    def _dotted_address(self) -> str:
        if self.address.version == 4:
            return str(self.address)
        return ".".join(self.address.exploded.replace(":", ""))


def is_domain_spec(text: str) -> bool:
    """Whether the text may stand where the grammar asks for a domain."""
    if not _DOMAIN_SPEC.fullmatch(text) or _ZERO.search(text):
        return False
    last = text.rstrip(".").rpartition(".")[2]
    return not _PLAIN_TOP_LABEL.fullmatch(last)


def expand(text: str, context: MacroContext) -> str:
    """Replace every macro of a well-formed domain specification."""
    return _MACRO.sub(lambda match: _replacement(match, context), text)


def _replacement(match: re.Match[str], context: MacroContext) -> str:
    if match[5]:
        return {"%": "%", "_": " ", "-": "%20"}[match[5]]
    parts = re.split(f"[{re.escape(match[4] or '.')}]", context.value(match[1].lower()))
    if match[3]:
        parts.reverse()
    if match[2]:
        parts = parts[-int(match[2]) :]
    value = ".".join(parts)
    return quote(value, safe="-._~") if match[1].isupper() else value
