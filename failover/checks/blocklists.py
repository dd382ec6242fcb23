"""Is a sending address on a block list (RFC 5782)? Lists that answer wrongly are told, never believed."""

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network

from failover.checks.board import Finding, State
from failover.checks.reverse import LookUp
from failover.errors import LookUpError

INTERVAL_SECONDS = 900.0
LISTED_ALWAYS, LISTED_NEVER = "127.0.0.2", "127.0.0.1"
"""Every list for IPv4 has the one and has not the other: so one sees whether it works (RFC 5782, 5)."""
_CODES = IPv4Network("127.0.0.0/8")
_ERRORS = IPv4Network("127.255.255.0/24")
_WHY = {
    "127.255.255.252": "the list's name is mistyped",
    "127.255.255.254": "it does not answer this resolver",
    "127.255.255.255": "it was asked too often",
}
"""Spamhaus's words for these, which other lists have taken over."""


class Reading(Enum):
    ABSENT = "absent"
    LISTED = "listed"
    REFUSED = "refused"
    """An error code: it says something of who asks, nothing of the address."""
    NONSENSE = "nonsense"
    """No code at all: the list has gone, and somebody else answers in its place."""


def read_codes(codes: list[str]) -> Reading:
    """What the A records of an answer mean together."""
    found = {_read(code) for code in codes}
    for reading in (Reading.NONSENSE, Reading.REFUSED, Reading.LISTED):
        if reading in found:
            return reading
    return Reading.ABSENT


def _read(code: str) -> Reading:
    try:
        address = IPv4Address(code)
    except ValueError:
        return Reading.NONSENSE
    if address in _ERRORS:
        return Reading.REFUSED
    return Reading.LISTED if address in _CODES else Reading.NONSENSE


def question(address: str, zone: str) -> str:
    """The name under which `zone` tells of `address`."""
    return f"{'.'.join(reversed(address.split('.')))}.{zone.rstrip('.')}."


@dataclass(frozen=True, slots=True)
class BlockList:
    """One address on one list."""

    node: str
    public: str
    zone: str
    lookup: LookUp
    interval_seconds: float = INTERVAL_SECONDS

    @property
    def name(self) -> str:
        return f"block list {self.zone} {self.public}"

    @property
    def target(self) -> str:
        return self.zone

    async def look(self) -> list[Finding]:
        codes = await self.lookup(question(self.public, self.zone), "A")
        reading = read_codes(codes)
        if reading is Reading.ABSENT:
            return [await self._absent()]
        if reading is Reading.LISTED:
            return [await self._listed(codes)]
        why = next((_WHY[code] for code in codes if code in _WHY), "it gives no sense")
        return [self._found(State.UNKNOWN, f"{self.zone} answers {', '.join(codes)}: {why}")]

    async def _absent(self) -> Finding:
        if read_codes(await self.lookup(question(LISTED_ALWAYS, self.zone), "A")) is not Reading.LISTED:
            said = f"{self.zone} does not list {LISTED_ALWAYS}: it is no working list"
            return self._found(State.UNKNOWN, said)
        return self._found(State.GOOD, f"{self.public} is not on {self.zone}")

    async def _listed(self, codes: list[str]) -> Finding:
        if read_codes(await self.lookup(question(LISTED_NEVER, self.zone), "A")) is not Reading.ABSENT:
            return self._found(
                State.UNKNOWN, f"{self.zone} lists {LISTED_NEVER}, so everything: it has ended"
            )
        try:
            texts = await self.lookup(question(self.public, self.zone), "TXT")
        except LookUpError:
            texts = []
        why = f", {texts[0][:120]}" if texts else ""
        return self._found(State.BAD, f"{self.public} is on {self.zone}: {', '.join(codes)}{why}")

    def _found(self, state: State, said: str) -> Finding:
        return Finding("block list", f"{self.public} on {self.zone}", state, said, self.node)
