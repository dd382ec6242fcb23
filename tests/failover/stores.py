"""A shared store in memory, and the lines over which nodes reach it, with all that can go wrong on one."""

import asyncio
from dataclasses import dataclass, field

from failover.errors import StoreConflict, StoreError
from failover.lease import Entry
from failover.store import TIMEOUT_SECONDS


@dataclass
class FakeStore:
    """One key, changed by compare-and-set; `writes` are all values it ever had."""

    entry: Entry | None = None
    writes: list[bytes] = field(default_factory=list)

    def put(self, value: bytes, revision: int | None) -> int:
        """As the store itself carries it out, at once."""
        if revision != (self.entry.revision if self.entry else None):
            raise StoreConflict("the shared store holds another revision by now")
        self.entry = Entry(value, len(self.writes) + 1)
        self.writes.append(value)
        return self.entry.revision


@dataclass
class Line:
    """One node's way to the store.

    `cut`: nothing goes through. `loses_answers`: what is asked for happens, but nobody hears of it.
    """

    store: FakeStore
    cut: bool = False
    loses_answers: bool = False
    delay_seconds: float = 0.005

    async def get(self) -> Entry | None:
        await self._there()
        found = self.store.entry
        await self._back()
        return found

    async def create(self, value: bytes) -> int:
        return await self._put(value, None)

    async def update(self, value: bytes, revision: int) -> int:
        return await self._put(value, revision)

    async def _put(self, value: bytes, revision: int | None) -> int:
        await self._there()
        done = self.store.put(value, revision)
        await self._back()
        return done

    async def _there(self) -> None:
        if self.cut:
            await self._time_out()
        await asyncio.sleep(self.delay_seconds)

    async def _back(self) -> None:
        if self.loses_answers:
            await self._time_out()
        await asyncio.sleep(self.delay_seconds)

    async def _time_out(self) -> None:
        await asyncio.sleep(TIMEOUT_SECONDS)
        raise StoreError("the shared store, asked by east-1: no answer within 0.8 s")
