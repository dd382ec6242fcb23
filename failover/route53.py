"""A zone hosted by Route 53 as the daemon writes it: the same interface as a name server of the fleet's own.

The API takes five requests a second of a whole account (Amazon Route 53 Developer Guide, "Quotas"), so the
zone is listed seldom while nobody changes it: a stale listing does no harm, as every batch compares and sets.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from failover.errors import ZoneConflict, ZoneError
from failover.route53_batch import Listing, batches, listing_of, plain
from failover.route53_client import CallError, Client, Trouble
from failover.zone import Fence, RecordChange, ZoneView

NAME = "route53"
LOOK_SECONDS = 30.0
"""A listing this old is made anew."""
MOST_TRIES = 5
FIRST_BACKOFF_SECONDS = 0.25
LAST_BACKOFF_SECONDS = 4.0
SYNC_POLL_SECONDS = 5.0
SYNC_SECONDS = 300.0
"""Most changes are on all of Route 53's servers within a minute; longer than this, people should know."""
MOST_PAGES = 100


class Route53Zone:
    """See `failover.keeper.Authority`. Every method may raise ZoneError."""

    name = NAME
    address = ""

    def __init__(
        self,
        zone_id: str,
        zone: str,
        client: Client,
        tell: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`zone` is the steered part of the hosted zone `zone_id`; `tell` takes sentences about trouble."""
        self.pending: dict[str, float] = {}
        """Changes that were taken and are not on every server yet, and since when."""
        self._zone_id = zone_id
        self._zone = plain(zone)
        self._client = client
        self._tell = tell
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._listing: Listing | None = None
        self._listed_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=NAME)
        self._following: set[asyncio.Task[None]] = set()

    async def serial(self) -> int:
        """The number of the last batch under a lease, as of a listing that is fresh enough."""
        if self._listing is None or self._clock() - self._listed_at >= LOOK_SECONDS:
            await self._list()
        return self._known.serial

    async def view(self, names: Sequence[str]) -> ZoneView:
        """Listed anew."""
        await self._list()
        known = self._known
        return ZoneView(known.serial, {name: known.answer(name) for name in names}, known.epoch)

    async def update(self, changes: Sequence[RecordChange], fence: Fence) -> None:
        """Make `changes`, verified by listing again; ZoneConflict when the world is not as observed.

        Returns before every server of Route 53 has them: that is followed in the background.
        """
        if self._listing is None:
            await self._list()
        self._compare(changes, fence)
        try:
            for batch in batches(changes, fence, self._known, self._zone):
                await self._change(batch)
        finally:
            self._listing = None  # whatever became of it, it is no longer known what the zone holds
        await self._verify(changes, fence)

    def close(self) -> None:
        """Follow nothing further; a call under way ends by itself."""
        for task in self._following:
            task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def _known(self) -> Listing:
        if self._listing is None:
            raise ZoneError(f"{NAME}: the zone has not been listed")
        return self._listing

    def _compare(self, changes: Sequence[RecordChange], fence: Fence) -> None:
        """What was observed must be what the batch deletes."""
        known = self._known
        same = all(known.answer(one.name) == one.before for one in changes)
        if known.epoch != fence.before or not same:
            self._listing = None
            raise ZoneConflict(f"{NAME} was changed by another writer first")

    async def _change(self, batch: list[dict[str, Any]]) -> None:
        answer = await self._call(
            "change_resource_record_sets", HostedZoneId=self._zone_id, ChangeBatch={"Changes": batch}
        )
        change = answer["ChangeInfo"]
        if change["Status"] != "INSYNC":
            self.pending[change["Id"]] = self._clock()
            task = asyncio.create_task(self._follow(change["Id"]))
            self._following.add(task)
            task.add_done_callback(self._following.discard)

    async def _verify(self, changes: Sequence[RecordChange], fence: Fence) -> None:
        await self._list()
        known = self._known
        other = [one.name for one in changes if known.answer(one.name).addresses != one.after.addresses]
        if other or (fence.after is not None and known.epoch != fence.after):
            what = f"{', '.join(other)} in " if other else ""
            raise ZoneConflict(f"{what}{NAME} was changed by another writer right afterwards")

    async def _follow(self, change: str) -> None:
        """Until every server of Route 53 has a change; says so when that takes too long."""
        began, told = self.pending[change], False
        while change in self.pending:
            await self._sleep(SYNC_POLL_SECONDS)
            try:
                answer = await self._call("get_change", Id=change)
            except ZoneError:
                answer = None
            if answer is not None and answer["ChangeInfo"]["Status"] == "INSYNC":
                del self.pending[change]
            elif not told and self._clock() - began >= SYNC_SECONDS:
                told = True
                self._tell(f"{NAME}: a change is not on every server after {SYNC_SECONDS:.0f} s.")

    async def _list(self) -> None:
        """All record sets at and below the steered zone's name: Route 53 lists those one after the other."""
        sets: list[dict[str, Any]] = []
        start: dict[str, Any] = {"StartRecordName": self._zone}
        for _ in range(MOST_PAGES):
            page = await self._call("list_resource_record_sets", HostedZoneId=self._zone_id, **start)
            found = [one for one in page["ResourceRecordSets"] if self._is_inside(one["Name"])]
            sets += found
            if not page["IsTruncated"] or len(found) < len(page["ResourceRecordSets"]):
                break
            start = {"StartRecordName": page["NextRecordName"], "StartRecordType": page["NextRecordType"]}
            if identifier := page.get("NextRecordIdentifier"):
                start["StartRecordIdentifier"] = identifier
        self._listing, self._listed_at = listing_of(sets, self._zone), self._clock()

    def _is_inside(self, name: str) -> bool:
        return plain(name) == self._zone or plain(name).endswith(f".{self._zone}")

    async def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call, tried again while Route 53 asks for patience."""
        for attempt in range(MOST_TRIES):
            try:
                return await asyncio.get_running_loop().run_in_executor(
                    self._thread, lambda: self._client.call(operation, **arguments)
                )
            except CallError as error:
                if error.trouble is Trouble.CHANGED:
                    raise ZoneConflict(f"{NAME} was changed by another writer first: {error}") from None
                if error.trouble is not Trouble.SLOW_DOWN or attempt == MOST_TRIES - 1:
                    raise ZoneError(f"{NAME}: {operation}: {error}") from None
            longest = min(LAST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt)
            await self._sleep(longest * self._jitter())
        raise ZoneError(f"{NAME}: {operation}: asked too often")
