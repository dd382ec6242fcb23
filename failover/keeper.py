"""Keeps one primary's steered zone as it should be: observes, writes when it may, observes again.

Only the holder of the lease writes (failover/lease.py), and each update names the lease's epoch. A new
holder raises the zone's epoch at once, also when the answers are right: from then on the name server itself
refuses whatever an earlier holder may still send.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from failover.config import Steering
from failover.errors import ZoneConflict, ZoneError
from failover.events import Events
from failover.zone import (
    Fence,
    RecordChange,
    ZoneView,
    describe,
    fence_of,
    first_answers,
    is_later,
    plan_changes,
)

POLL_SECONDS = 5.0
SETTLE_SECONDS = 0.15
"""An answer must have been wrong for this long: longer than a node that is cut off needs to notice it."""
FULL_VIEW_SECONDS = 30.0
CLOCK_STEP_SECONDS = 0.001
FIRST_BACKOFF_SECONDS = 0.25
LAST_BACKOFF_SECONDS = 5.0


class Authority(Protocol):
    """A primary name server, real or not."""

    name: str
    address: str

    async def serial(self) -> int: ...
    async def view(self, names: Sequence[str]) -> ZoneView: ...
    async def update(self, changes: Sequence[RecordChange], fence: Fence) -> None: ...


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the daemon thinks now."""

    plan: Callable[[ZoneView], tuple[RecordChange, ...]]
    epoch: int | None
    """Of the lease that this node holds; None when it must not write."""
    may_begin: bool = False
    """Whether it may give a zone its first answers, for which nobody needs a lease."""


class Keeper:
    """One per primary, so that a dead primary never holds up the other. Run `run()` as a task."""

    def __init__(
        self,
        authority: Authority,
        steering: Steering,
        opinion: Callable[[], Opinion],
        events: Events,
        clock: Callable[[], float],
    ) -> None:
        self.name, self.address = authority.name, authority.address
        self.view: ZoneView | None = None
        self.error: str | None = None
        self.failing_since: float | None = None
        """Since when this primary cannot be asked or written."""
        self.updates = 0
        """Updates that it took from this node, those of the epoch alone included."""
        self.failures = 0
        """Times that it could not be asked or written, or was changed by another first."""
        self.epoch_seen = 0
        """The highest epoch that was seen in its zone."""
        self._authority = authority
        self._steering = steering
        self._opinion = opinion
        self._events = events
        self._clock = clock
        self._wake = asyncio.Event()
        self._viewed_at = 0.0
        self._last_serial: int | None = None
        self._wrong: tuple[tuple[RecordChange, ...], float] | None = None
        self._backoff_seconds = 0.0

    def wake(self) -> None:
        """The plan has changed: look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled; a primary's trouble is reported and tried again, never raised."""
        while True:
            wait_seconds = POLL_SECONDS
            try:
                wait_seconds = await self._round()
                self.error, self.failing_since, self._backoff_seconds = None, None, 0.0
            except ZoneConflict as conflict:
                self.view = None
                self.failures += 1
                self._events.write("trouble", f"{conflict}; looking again.", primary=self.name)
                wait_seconds = self._back_off()
            except ZoneError as error:
                self.view, self.error = None, str(error)
                self.failures += 1
                self.failing_since = self._clock() if self.failing_since is None else self.failing_since
                self._events.write("trouble", f"{error}.", primary=self.name)
                wait_seconds = self._back_off()
            await self._sleep(wait_seconds)

    async def _round(self) -> float:
        """Observe and, when this node may, write; returns seconds until the next look is due."""
        view = await self._observe()
        opinion = self._opinion()
        changes, fence = opinion.plan(view), fence_of(view, opinion.epoch)
        if fence is None and opinion.may_begin and (firsts := first_answers(view, changes)):
            changes, fence = firsts, Fence(None, None)
        now = self._clock()
        due = self._due(changes, now)
        if fence is not None and due is not None and now + CLOCK_STEP_SECONDS >= due:
            await self._write(changes, view, fence)
            return 0.0
        if fence is not None and fence.after is not None and fence.rises:
            await self._write((), view, fence)
            return 0.0
        return POLL_SECONDS if due is None or fence is None else min(POLL_SECONDS, due - now)

    def _due(self, changes: tuple[RecordChange, ...], now: float) -> float | None:
        """When `changes` have been called for long enough to be made; None when there are none."""
        if not changes:
            self._wrong = None
            return None
        if self._wrong is None or self._wrong[0] != changes:
            self._wrong = (changes, now)
        return self._wrong[1] + SETTLE_SECONDS

    async def _observe(self) -> ZoneView:
        """The zone as it is; names are asked again only when the serial has moved, or now and then."""
        names = [record.name for record in self._steering.records]
        if self.view is not None and self._clock() - self._viewed_at < FULL_VIEW_SECONDS:
            serial = await self._authority.serial()
            if serial == self.view.serial:
                return self.view
        self.view = view = await self._authority.view(names)
        self._viewed_at = self._clock()
        self.epoch_seen = max(self.epoch_seen, view.epoch or 0)
        if self._last_serial is not None and is_later(self._last_serial, view.serial):
            self._events.write(
                "trouble", f"The serial on {self.name} went back to {view.serial}.", primary=self.name
            )
        self._last_serial = view.serial
        return view

    async def _write(self, changes: tuple[RecordChange, ...], view: ZoneView, fence: Fence) -> None:
        await self._authority.update(changes, fence)
        self.updates += 1
        self.view, self._wrong = None, None
        if not changes:
            told = f"{self.name} now takes no update from before epoch {fence.after}."
            self._events.write("lease", told, primary=self.name, epoch=fence.after)
            return
        for node in _nodes_of(self._steering, changes) or [""]:
            self._events.write(
                "dns_update",
                f"{self.name} now answers {describe(changes)}.",
                node=node,
                primary=self.name,
                serial_before=view.serial,
                epoch=fence.after,
                records={change.name: sorted(change.after.addresses) for change in changes},
                before={change.name: sorted(change.before.addresses) for change in changes},
                after={change.name: sorted(change.after.addresses) for change in changes},
            )

    def _back_off(self) -> float:
        doubled = 2 * self._backoff_seconds
        self._backoff_seconds = min(max(FIRST_BACKOFF_SECONDS, doubled), LAST_BACKOFF_SECONDS)
        return self._backoff_seconds

    async def _sleep(self, seconds: float) -> None:
        """Until `seconds` have passed or the plan changes."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._wake.clear()


def _nodes_of(steering: Steering, changes: Sequence[RecordChange]) -> list[str]:
    """The nodes whose addresses come or go with `changes`."""
    moved = {
        change.name: change.before.addresses.symmetric_difference(change.after.addresses)
        for change in changes
    }
    nodes = {
        node
        for record in steering.records
        for node, address in record.addresses.items()
        if address in moved.get(record.name, ())
    }
    return sorted(nodes)


def opinion_of(
    steering: Steering,
    in_service: Callable[[str | None, str], bool],
    proven: Callable[[str | None, str], bool],
    epoch: int | None,
    *,
    may_begin: bool = False,
) -> Opinion:
    """An opinion from standings by pool and node (pool None: the front door as a whole)."""

    def plan(view: ZoneView) -> tuple[RecordChange, ...]:
        return plan_changes(
            steering.records,
            view,
            steering.ttl_seconds,
            in_service=lambda record, node: in_service(record.pool, node),
            proven=lambda record, node: proven(record.pool, node),
        )

    return Opinion(plan, epoch, may_begin)


def rank_among(writers: Sequence[str], own: str, silent: frozenset[str]) -> int | None:
    """This node's place among the writers that are heard; None when it is no writer."""
    heard = [name for name in writers if name == own or name not in silent]
    return heard.index(own) if own in heard else None
