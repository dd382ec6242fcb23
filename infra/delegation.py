"""Whether the internet's name servers already refer to the hosted zones of a foundation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.resolver

from fleet.errors import MtafleetError

LIFETIME_SECONDS = 5.0

Ask = Callable[[str], frozenset[str]]
"""The name servers of a domain as the internet has them, without final dots; empty: none."""


class DelegationError(MtafleetError):
    """The stack's outputs hold no zones to ask about."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was meant and what was found for one zone."""

    zone: str
    wanted: frozenset[str]
    found: frozenset[str]

    @property
    def delegated(self) -> bool:
        """The parent refers to servers of this zone and to no others."""
        return bool(self.found) and self.found <= self.wanted


def zones_of(outputs: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Name servers by zone, from the outputs of a foundation's stack; DelegationError when it has none."""
    zones = outputs.get("foundation", {}).get("zones", {})
    if not zones:
        raise DelegationError("the foundation's stack has no zones yet: run `pulumi up` on it first")
    return {name: frozenset(map(_plain, zone["name_servers"])) for name, zone in zones.items()}


def delegations(zones: Mapping[str, Iterable[str]], ask: Ask) -> list[Answer]:
    """Ask about every zone."""
    return [Answer(name, frozenset(wanted), ask(name)) for name, wanted in sorted(zones.items())]


def ask_internet(zone: str) -> frozenset[str]:
    """By this computer's resolver."""
    try:
        answer = dns.resolver.resolve(zone, "NS", lifetime=LIFETIME_SECONDS)
    except dns.exception.DNSException:
        return frozenset()
    return frozenset(_plain(str(record.target)) for record in answer)


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
