"""Canaries: does mail that is submitted to this node's front doors get through its own instances?

One canary each interval, the pools in turn; a pool whose last one did not get through has every second turn.
It counts for this node's own instance only when that has taken it, or refused it: a front door may have given
it to another node's. While an instance has let canaries down, further ones go to it past the front door,
which perhaps sends it nothing any more. What else stands in the way (`hindrance`) tells nothing of any.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from failover.checks.arrivals import Arrivals
from failover.checks.board import CANARY, Finding, State
from failover.checks.canary_settings import CanaryPool, CanarySettings
from failover.checks.submission import NotTaken
from failover.checks.timetable import share

LOOK_SECONDS = 5.0
MOST_UNDER_WAY = 5
"""Of one pool: canaries that do not arrive must not fill a queue."""
FORGOTTEN_SECONDS = 900.0


class Submit(Protocol):
    def __call__(self, pool: CanaryPool, token: str, /, *, straight: bool) -> Awaitable[str]:
        """What the instance that took it calls itself; NotTaken, or FailoverError when it cannot be tried."""
        ...


class _Sent(NamedTuple):
    pool: str
    at: float
    own: bool
    """Whether this node's own instance has taken it."""
    missed: bool = False


@dataclass(slots=True)
class Tally:
    """What has become of one pool's canaries since the daemon's start."""

    sent: int = 0
    arrived: int = 0
    missed: int = 0
    """Not arrived within the limit."""
    refused: int = 0
    seconds: float | None = None
    """How long the last that arrived was under way."""


class Canary:
    """One slow check for all pools of this node. `hindrance(pool)`: why a canary would prove nothing now."""

    interval_seconds = LOOK_SECONDS
    name = CANARY
    target = CANARY

    def __init__(
        self,
        node: str,
        settings: CanarySettings,
        submit: Submit,
        hindrance: Callable[[str], str | None],
        clock: Callable[[], float],
    ) -> None:
        self.tallies = {pool: Tally() for pool in settings.pools}
        self.arrivals = Arrivals(settings.arrival_port, self.take)
        self._node, self._settings, self._submit = node, settings, submit
        self._hindrance, self._clock = hindrance, clock
        self._turns = list(settings.pools)
        self._bad: set[str] = set()
        self._under_way: dict[str, _Sent] = {}
        self._found: list[Finding] = []
        self._next_at = clock() + share(node, CANARY) * settings.interval_seconds

    async def look(self) -> list[Finding]:
        """What has come of canaries since; sends the next one when it is due."""
        await self.arrivals.begin()
        now = self._clock()
        self._miss(now)
        if now >= self._next_at:
            self._next_at = max(self._next_at + self._settings.interval_seconds, now)
            if (pool := self._next_pool(now)) is not None:
                await self._send(pool)
        found, self._found = self._found, []
        return found

    def take(self, token: str) -> None:
        """A canary has arrived; tokens that are not known are somebody else's, or too old."""
        sent = self._under_way.pop(token, None)
        if sent is None:
            return
        tally, seconds = self.tallies[sent.pool], max(0.0, self._clock() - sent.at)
        tally.arrived += 1
        tally.seconds = round(seconds, 3)
        if seconds > self._settings.limit_seconds:
            self._missed(sent)
        elif sent.own:
            self._bad.discard(sent.pool)
            self._note(sent.pool, State.GOOD, f"a message to {sent.pool} arrived after {seconds:.1f} s")

    def _next_pool(self, now: float) -> str | None:
        """The pool whose turn it is, of those of which something can be found out."""
        had_its_turn = self._turns[-1] in self._bad
        for pool in sorted(self._turns, key=lambda one: had_its_turn or one not in self._bad):
            under_way = sum(sent.pool == pool for sent in self._under_way.values())
            if under_way < MOST_UNDER_WAY and self._hindrance(pool) is None:
                self._turns.remove(pool)
                self._turns.append(pool)
                return pool
        return None

    async def _send(self, pool: str) -> None:
        token, tally = secrets.token_hex(16), self.tallies[pool]
        began = self._clock()
        # Noted before: it may arrive before the instance's last word does.
        self._under_way[token] = _Sent(pool, began, own=True)
        try:
            by = await self._submit(self._settings.pools[pool], token, straight=pool in self._bad)
        except NotTaken as error:
            self._under_way.pop(token, None)
            self._refused(pool, str(error), error.by)
            return
        except BaseException:
            self._under_way.pop(token, None)
            raise
        tally.sent += 1
        if token in self._under_way and by != self._settings.host_name:
            self._under_way[token] = _Sent(pool, began, own=False)

    def _refused(self, pool: str, said: str, by: str) -> None:
        if self._hindrance(pool) is not None:
            return
        if by == self._settings.host_name:
            self.tallies[pool].refused += 1
            self._bad.add(pool)
            self._note(pool, State.BAD, f"a message to {pool} was not taken: {said}")
        elif pool not in self._bad:
            self._note(pool, State.UNKNOWN, f"no instance of {pool} could be reached here: {said}")

    def _miss(self, now: float) -> None:
        """Those that should have arrived; one under way for very long is given up."""
        for token, sent in list(self._under_way.items()):
            waited = now - sent.at
            if waited > FORGOTTEN_SECONDS:
                del self._under_way[token]
            elif waited > self._settings.limit_seconds:
                self._under_way[token] = sent._replace(missed=True)
                self._missed(sent)

    def _missed(self, sent: _Sent) -> None:
        if sent.missed:
            return
        self.tallies[sent.pool].missed += 1
        if sent.own and self._hindrance(sent.pool) is None:
            self._bad.add(sent.pool)
            said = f"did not arrive within {self._settings.limit_seconds} s"
            self._note(sent.pool, State.BAD, f"a message to {sent.pool} {said}")

    def _note(self, pool: str, state: State, said: str) -> None:
        self._found.append(Finding(CANARY, pool, state, said, self._node))
