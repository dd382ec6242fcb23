"""Keeps this node's part in the lease on writing DNS up to date, turn by turn, and gives it back in the end.

While the store cannot be asked, the lease runs out by itself: DNS stays as it is until the store is back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from failover.errors import StoreConflict, StoreError
from failover.events import Events
from failover.lease import Attempt, Candidate, Store

TURN_SECONDS = 0.5
RANK_WAIT_SECONDS = 0.3
"""Each writer waits this much longer than the one before it when the lease is free: so they do not race."""
TRIES_TO_GIVE_BACK = 3


@dataclass(frozen=True, slots=True)
class Bid:
    """What this node wants of the lease now; see `Candidate.propose`."""

    willing: bool
    wait_seconds: float = 0.0
    epoch_above: int = 0


class LeaseHolder:
    """Run `run()` as a task; `give_back()` when this node stops."""

    def __init__(
        self,
        store: Store,
        candidate: Candidate,
        bid: Callable[[], Bid],
        changed: Callable[[], None],
        events: Events,
        clock: Callable[[], float],
    ) -> None:
        """`changed` is called whenever this node's epoch has become another, or none."""
        self.candidate = candidate
        self.error: str | None = None
        self.failing_since: float | None = None
        """Since when the store cannot be asked or written."""
        self.held_since: float | None = None
        self._store = store
        self._bid = bid
        self._changed = changed
        self._events = events
        self._clock = clock
        self._told: int | None = None

    def epoch(self) -> int | None:
        """The fencing token under which this node may write now; None when it may not."""
        return self.candidate.epoch(self._clock())

    async def run(self) -> None:
        """Until cancelled; the store's trouble is reported and tried again, never raised."""
        while True:
            next_at = self._clock() + TURN_SECONDS
            await self.turn()
            await asyncio.sleep(max(0.0, next_at - self._clock()))

    async def turn(self) -> None:
        """Look, and take, renew or give back what is due."""
        try:
            await self._look_and_act(self._bid())
        except StoreConflict:
            self.error, self.failing_since = None, None
        except StoreError as error:
            self.error = str(error)
            self.failing_since = self._clock() if self.failing_since is None else self.failing_since
            self._events.write("trouble", f"{error}.", scope="store")
        else:
            self.error, self.failing_since = None, None
        self._tell()

    async def give_back(self) -> None:
        """Let another take the lease at once, where this node holds it; a store that fails is left alone."""
        for _ in range(TRIES_TO_GIVE_BACK):
            try:
                await self._look_and_act(Bid(willing=False))
            except StoreConflict:
                continue
            except StoreError:
                pass
            return

    async def _look_and_act(self, bid: Bid) -> None:
        candidate = self.candidate
        if candidate.must_read or not candidate.is_holder:
            candidate.saw(await self._store.get(), self._clock())
        attempt = candidate.propose(
            self._clock(),
            willing=bid.willing,
            epoch_above=bid.epoch_above,
            wait_seconds=bid.wait_seconds,
        )
        if attempt is None:
            return
        try:
            revision = await self._write(attempt)
        except BaseException:  # cancelled in the middle, too: what became of it is not known
            candidate.failed()
            raise
        candidate.succeeded(attempt, revision, self._clock())

    async def _write(self, attempt: Attempt) -> int:
        value = attempt.record.encode()
        if attempt.revision is None:
            return await self._store.create(value)
        return await self._store.update(value, attempt.revision)

    def _tell(self) -> None:
        epoch = self.epoch()
        if epoch == self._told:
            return
        if epoch is not None:
            self.held_since = self._clock() if self._told is None else self.held_since
            self._events.write("lease", f"This node writes DNS now, under epoch {epoch}.", epoch=epoch)
        else:
            self.held_since = None
            why = f": {self.error}" if self.error else ""
            self._events.write("lease", f"This node writes DNS no longer{why}.", epoch=self._told)
        self._told = epoch
        self._changed()


class StandBack:
    """Gives others a turn when this node holds the lease but cannot reach a primary, more seldom each time.

    It covers a holder that is cut off from a primary's name service only. When nobody reaches that, each node
    stands back once, then after a minute, two minutes and so on.
    """

    AFTER_SECONDS = 5.0
    FIRST_SECONDS = 60.0
    MOST_FACTOR = 16
    WAIT_SECONDS = 2.0
    """While it stands back, it takes a lease that nobody else has taken for this long."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._factor = 1

    def consider(self, failing_since: float | None, held_since: float | None, now: float) -> bool:
        """Whether to give the lease back now. `failing_since`: since when some primary fails."""
        if failing_since is None or held_since is None or now < self._until:
            return False
        if now - max(failing_since, held_since) < self.AFTER_SECONDS:
            return False
        quiet = now - self._until > self.MOST_FACTOR * self.FIRST_SECONDS
        self._factor = 1 if quiet else min(2 * self._factor, self.MOST_FACTOR)
        self._until = now + self.FIRST_SECONDS * self._factor
        return True

    def wait_seconds(self, now: float) -> float:
        return self.WAIT_SECONDS if now < self._until else 0.0
