"""The published approaches, as their descriptions have them: what each address may try in a tick.

- naive: every address takes its share of all that is due at once; more addresses as the queue grows; what was
  refused is tried again in the next tick.
- reputation-aware: one pool for all mail; each path keeps near its usual volume, slows down when refused,
  recovers; refusals wait longer each time.
- tiered: the same in a pool for each class, and addresses that are blocked are taken out by hand next day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bench.eightweeks.receiver import TICK_HOURS, TICKS_PER_DAY, Answer

UNLIMITED = 10**9
LONGEST_RETRY_TICKS = 8


@dataclass(frozen=True, slots=True)
class Host:
    """A sending address of the fleet."""

    address: str
    kind: str
    region: str
    since_day: int = -365


class Approach(Protocol):
    """What differs between them; everything else is the same."""

    name: str
    nodes: int

    def plan(self, tick: int, hosts: Iterable[Host], waiting: Mapping[tuple[str, str], int]) -> None:
        """A tick begins; `hosts` are those in service."""

    def room(self, tick: int, host: Host, isp: str, kind: str) -> int:
        """What this address may try now for one class."""

    def told(self, tick: int, host: Host, isp: str, answer: Answer) -> None:
        """What became of it."""

    def retry_ticks(self, tries: int) -> int:
        """The wait after so many refusals."""


@dataclass
class Naive:
    """As fast as possible."""

    name: str = "naive horizontal scaling"
    nodes: int = 12

    def plan(self, tick: int, hosts: Iterable[Host], waiting: Mapping[tuple[str, str], int]) -> None:
        """Nothing to plan."""

    def room(self, tick: int, host: Host, isp: str, kind: str) -> int:
        return UNLIMITED

    def told(self, tick: int, host: Host, isp: str, answer: Answer) -> None:
        """Nobody looks."""

    def retry_ticks(self, tries: int) -> int:
        return 1


@dataclass
class _Care:
    """What a careful sender keeps of one path."""

    factor: float = 1.0
    usual: float = 0.0
    today: int = 0
    out_until: int = -1


@dataclass
class ReputationAware:
    """One pool, paths that slow down and recover."""

    name: str = "reputation-aware"
    nodes: int = 4
    pools: bool = False
    usual_per_day: Mapping[tuple[str, str], float] = field(default_factory=dict)
    _paths: dict[tuple[str, str], _Care] = field(default_factory=dict)

    def plan(self, tick: int, hosts: Iterable[Host], waiting: Mapping[tuple[str, str], int]) -> None:
        if tick % TICKS_PER_DAY == 0:
            for care in self._paths.values():
                care.usual += (care.today - care.usual) / 7
                care.today = 0

    def room(self, tick: int, host: Host, isp: str, kind: str) -> int:
        if self.pools and host.kind != kind:
            return 0
        care = self._care(host, isp)
        if tick < care.out_until:
            return 0
        day = max(1000.0, 1.5 * care.usual)
        return max(0, int(min(day / 6 * TICK_HOURS * care.factor, day - care.today)))

    def told(self, tick: int, host: Host, isp: str, answer: Answer) -> None:
        care = self._care(host, isp)
        taken = answer.inbox + answer.spam + answer.bounced
        care.today += taken
        refused = answer.deferred + answer.blocked
        if refused > 0.05 * (taken + refused):
            care.factor = max(0.02, care.factor / 2)
        else:
            care.factor = min(1.0, care.factor + 0.05 * TICK_HOURS)
        if self.pools and answer.blocked:
            care.out_until = (tick // TICKS_PER_DAY + 8) * TICKS_PER_DAY

    def retry_ticks(self, tries: int) -> int:
        return int(min(LONGEST_RETRY_TICKS, 2 ** (tries - 1)))

    def _care(self, host: Host, isp: str) -> _Care:
        key = (host.address, isp)
        if key not in self._paths:
            self._paths[key] = _Care(usual=self.usual_per_day.get(key, 0.0))
        return self._paths[key]


def tiered(usual_per_day: Mapping[tuple[str, str], float]) -> ReputationAware:
    """A pool for each class; blocked addresses rest for a week."""
    return ReputationAware("tiered routing + IP pools", 6, pools=True, usual_per_day=usual_per_day)
