"""Writing a zone that Route 53 hosts: one writer at a time, throttling, slow changes, lost answers."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from failover.errors import ZoneConflict, ZoneError
from failover.route53 import LOOK_SECONDS, MOST_TRIES, SYNC_SECONDS, Route53Zone
from failover.route53_batch import MOST_RECORDS, Listing, batches
from failover.zone import Answer, Fence, RecordChange
from tests.failover.fake_route53 import ZONE_ID, FakeRoute53

ZONE = "submit.fleet.example"
NAME = f"orders.{ZONE}"
STS = f"sts.{ZONE}"
EPOCH = f"_epoch.{ZONE}"
EAST, WEST = "203.0.113.1", "203.0.113.2"


def answer(*addresses: str) -> Answer:
    return Answer(frozenset(addresses), 5)


class Desk:
    """One daemon's writer and how time passes for it."""

    def __init__(self, api: FakeRoute53) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self.told: list[str] = []
        self.zone = Route53Zone(
            ZONE_ID, ZONE, api, self.told.append, self.sleep, lambda: self.now, jitter=lambda: 1.0
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """Until no change is followed any more."""
        while self.zone._following:
            await asyncio.gather(*self.zone._following)


@pytest.fixture
def api() -> FakeRoute53:
    """Both nodes serve one name under epoch 3; other names are inside and beside the zone."""
    found = FakeRoute53()
    found.put(NAME, "A", [EAST, WEST])
    found.put(STS, "A", [EAST])
    found.put(EPOCH, "TXT", ['"3 7"'])
    for name in ("fleet.example", "mx.fleet.example", "tail.fleet.example", f"x.{ZONE}"):
        found.put(name, "TXT", ['"kept"'])
    return found


@pytest.fixture
async def desk(api: FakeRoute53) -> AsyncIterator[Desk]:
    one = Desk(api)
    yield one
    one.zone.close()


@pytest.fixture
async def other(api: FakeRoute53) -> AsyncIterator[Desk]:
    one = Desk(api)
    yield one
    one.zone.close()


def without_west(before: Answer | None = None) -> RecordChange:
    return RecordChange(NAME, before or answer(EAST, WEST), answer(EAST))


async def test_a_zone_is_read_over_several_pages(desk: Desk) -> None:
    view = await desk.zone.view([NAME, STS, f"new.{ZONE}"])
    assert (view.serial, view.epoch) == (7, 3)
    assert view.answers == {NAME: answer(EAST, WEST), STS: answer(EAST), f"new.{ZONE}": Answer()}


async def test_an_update_is_one_batch_with_its_fence(api: FakeRoute53, desk: Desk) -> None:
    await desk.zone.view([NAME])
    await desk.zone.update([without_west(), RecordChange(f"new.{ZONE}", Answer(), answer(WEST))], Fence(3, 4))
    (batch,) = api.batches
    assert [(one["Action"], one["ResourceRecordSet"]["Name"]) for one in batch] == [
        ("DELETE", f"{EPOCH}."),
        ("CREATE", f"{EPOCH}."),
        ("DELETE", f"{NAME}."),
        ("CREATE", f"{NAME}."),
        ("CREATE", f"new.{ZONE}."),
    ]
    assert api.values(EPOCH, "TXT") == ['"4 8"']
    assert (api.values(NAME), api.values(f"new.{ZONE}"), api.values(STS)) == ([EAST], [WEST], [EAST])
    assert api.values("fleet.example", "TXT") == ['"kept"']
    assert (await desk.zone.view([NAME])).serial == 8


async def test_a_new_holder_raises_the_epoch_alone(api: FakeRoute53, desk: Desk) -> None:
    await desk.zone.view([NAME])
    await desk.zone.update([], Fence(3, 5))
    assert (len(api.batches), api.values(EPOCH, "TXT")) == (1, ['"5 8"'])


async def test_first_answers_need_no_lease_and_replace_nothing(api: FakeRoute53, desk: Desk) -> None:
    del api.sets[EPOCH, "TXT"], api.sets[NAME, "A"]
    assert (await desk.zone.view([NAME])).epoch is None
    first = RecordChange(NAME, Answer(), answer(EAST))
    api.before_change = lambda: api.put(NAME, "A", [WEST])
    with pytest.raises(ZoneConflict):
        await desk.zone.update([first], Fence(None, None))
    assert api.values(NAME) == [WEST]
    del api.sets[NAME, "A"]
    api.before_change = lambda: None
    await desk.zone.update([first], Fence(None, None))
    assert api.values(NAME) == [EAST]
    assert (EPOCH, "TXT") not in api.sets


async def test_a_stale_writer_is_refused_by_the_zone_itself(
    api: FakeRoute53, desk: Desk, other: Desk
) -> None:
    """It has looked before the new holder raised the epoch, and writes after."""
    await desk.zone.view([NAME])
    await other.zone.view([NAME])
    await other.zone.update([], Fence(3, 4))
    with pytest.raises(ZoneConflict):
        await desk.zone.update([without_west()], Fence(3, 3))
    assert api.values(NAME) == sorted([EAST, WEST])
    assert api.values(EPOCH, "TXT") == ['"4 8"']


async def test_of_two_writers_in_one_epoch_one_comes_too_late(
    api: FakeRoute53, desk: Desk, other: Desk
) -> None:
    """They change different names: the number of the batch tells them apart."""
    await desk.zone.view([NAME])
    await other.zone.view([NAME])
    await other.zone.update([RecordChange(STS, answer(EAST), answer(EAST, WEST))], Fence(3, 3))
    with pytest.raises(ZoneConflict):
        await desk.zone.update([without_west()], Fence(3, 3))
    await desk.zone.view([NAME])
    await desk.zone.update([without_west()], Fence(3, 3))
    assert api.values(EPOCH, "TXT") == ['"3 9"']


async def test_a_change_by_hand_is_seen_and_not_undone(api: FakeRoute53, desk: Desk) -> None:
    await desk.zone.view([NAME])
    api.put(NAME, "A", [WEST])
    with pytest.raises(ZoneConflict):
        await desk.zone.update([without_west()], Fence(3, 3))
    assert api.values(NAME) == [WEST]


async def test_throttling_is_waited_out_longer_each_time(api: FakeRoute53, desk: Desk) -> None:
    await desk.zone.view([NAME])
    api.throttled = MOST_TRIES - 1
    await desk.zone.update([without_west()], Fence(3, 3))
    assert desk.slept == [0.25, 0.5, 1.0, 2.0]
    assert api.values(NAME) == [EAST]


async def test_patience_with_throttling_has_an_end(api: FakeRoute53, desk: Desk) -> None:
    api.throttled = 100
    with pytest.raises(ZoneError, match="Throttling") as caught:
        await desk.zone.serial()
    assert not isinstance(caught.value, ZoneConflict)
    assert len(api.calls) == MOST_TRIES


async def test_an_answer_that_was_lost_is_no_second_write(api: FakeRoute53, desk: Desk) -> None:
    """The change was made: the next look finds it, and there is nothing to do."""
    await desk.zone.view([NAME])
    api.lost = 1
    with pytest.raises(ZoneError, match="Read timeout"):
        await desk.zone.update([without_west()], Fence(3, 4))
    assert len(api.batches) == 1
    view = await desk.zone.view([NAME])
    assert (view.epoch, view.answers[NAME]) == (4, answer(EAST))


async def test_pending_changes_hold_nothing_up_and_are_followed(api: FakeRoute53, desk: Desk) -> None:
    await desk.zone.view([NAME])
    api.slow = 3
    await desk.zone.update([without_west()], Fence(3, 3))
    assert list(desk.zone.pending) == ["/change/C1"]
    await desk.zone.update([RecordChange(STS, answer(EAST), answer(WEST))], Fence(3, 3))
    assert api.values(STS) == [WEST]
    await desk.settle()
    assert (desk.zone.pending, desk.told) == ({}, [])


async def test_a_change_that_never_arrives_everywhere_is_told_once(api: FakeRoute53, desk: Desk) -> None:
    await desk.zone.view([NAME])
    api.slow = 200
    await desk.zone.update([without_west()], Fence(3, 3))
    await desk.settle()
    assert desk.told == [f"route53: a change is not on every server after {SYNC_SECONDS:.0f} s."]


async def test_a_listing_is_used_for_some_time(api: FakeRoute53, desk: Desk) -> None:
    await desk.zone.serial()
    calls = len(api.calls)
    desk.now += LOOK_SECONDS - 1
    assert await desk.zone.serial() == 7
    assert len(api.calls) == calls
    desk.now += 1
    api.put(EPOCH, "TXT", ['"3 8"'])
    assert await desk.zone.serial() == 8


async def test_the_loop_never_waits_for_the_api(api: FakeRoute53, desk: Desk) -> None:
    await desk.zone.view([NAME])
    await desk.zone.update([without_west()], Fence(3, 3))
    assert len(api.threads) == 1
    assert threading.get_ident() not in api.threads


@pytest.mark.parametrize("more", [{"SetIdentifier": "east-1"}, {"AliasTarget": {}}])
async def test_a_zone_that_something_else_steers_is_refused(
    api: FakeRoute53, desk: Desk, more: dict[str, Any]
) -> None:
    api.put(NAME, "A", [EAST], **more)
    with pytest.raises(ZoneError, match=f"{NAME} .*remove it"):
        await desk.zone.view([NAME])


async def test_an_epoch_that_is_none_is_refused(api: FakeRoute53, desk: Desk) -> None:
    api.put(EPOCH, "TXT", ['"3"'])
    with pytest.raises(ZoneError, match="holds no epoch: delete it"):
        await desk.zone.view([NAME])


def test_what_is_too_large_for_one_batch_is_more_than_one_each_with_its_fence() -> None:
    changes = [
        RecordChange(f"n{number}.{ZONE}", Answer(), answer(*(f"10.0.{number}.{one}" for one in range(250))))
        for number in range(9)
    ]
    found = list(batches(changes, Fence(None, 1), Listing({}), ZONE))
    sizes = [sum(len(one["ResourceRecordSet"]["ResourceRecords"]) for one in batch) for batch in found]
    assert max(sizes) <= MOST_RECORDS
    assert sizes == [751, 752, 752]
    epochs = [one["ResourceRecordSet"]["ResourceRecords"][0]["Value"] for batch in found for one in batch[:2]]
    assert [one for one in epochs if one.startswith('"')] == ['"1 1"', '"1 1"', '"1 2"', '"1 2"', '"1 3"']
