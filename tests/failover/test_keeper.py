"""The keeper of one primary, in virtual time: who writes, when, and what happens when two want to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from io import StringIO

import looptime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.config import Steering
from failover.events import Events
from failover.keeper import Keeper, Opinion, opinion_of, rank_among
from failover.zone import Answer
from tests.failover.authorities import FakeAuthority
from tests.failover.fleet_of_two import config

NAME = "orders.submit.fleet.example"
EAST, WEST = "127.0.0.1", "127.0.0.2"
BOTH = Answer(frozenset({EAST, WEST}), 5)

virtual_time = pytest.mark.looptime


def steering() -> Steering:
    found = config().steering
    assert found is not None
    return found


class Writer:
    """A node with an opinion: `down` holds nodes it would take out, `epoch` is that of the lease it holds."""

    def __init__(
        self,
        authority: FakeAuthority,
        epoch: int | None = 1,
        down: set[str] | None = None,
        *,
        may_begin: bool = False,
    ) -> None:
        self.down = down or set()
        self.epoch = epoch
        self.may_begin = may_begin
        self.events = Events("east-1", None, stream=StringIO())
        self.keeper = Keeper(
            authority, steering(), self._opinion, self.events, lambda: asyncio.get_running_loop().time()
        )

    def _opinion(self) -> Opinion:
        return opinion_of(
            steering(),
            lambda _, node: node not in self.down,
            lambda *_: True,
            self.epoch,
            may_begin=self.may_begin,
        )

    def change(self, *down: str) -> None:
        self.down = set(down)
        self.keeper.wake()

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events.recent]


@asynccontextmanager
async def running(*writers: Writer) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(writer.keeper.run()) for writer in writers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def authority(**changes: object) -> FakeAuthority:
    return FakeAuthority(**{"answers": {NAME: BOTH}, "epoch": 1, **changes})  # type: ignore[arg-type]


@virtual_time
async def test_the_first_writer_writes_at_once_when_a_node_falls() -> None:
    primary = authority()
    writer = Writer(primary)
    async with running(writer):
        await asyncio.sleep(1)
        writer.change("west-1")
        await asyncio.sleep(0.3)
    assert primary.answers[NAME] == Answer(frozenset({EAST}), 5)
    (event,) = [one for one in writer.events.recent if one["kind"] == "dns_update"]
    assert event["node"] == "west-1"
    assert event["records"] == {NAME: [EAST]}


@virtual_time
async def test_without_the_lease_nothing_is_written_whatever_is_wrong() -> None:
    primary = authority()
    writer = Writer(primary, epoch=None, down={"west-1"}, may_begin=True)
    async with running(writer):
        await asyncio.sleep(60)
    assert primary.answers[NAME] == BOTH


@virtual_time
async def test_a_new_holder_raises_the_epoch_at_once_though_the_answers_are_right() -> None:
    primary = authority(epoch=3)
    writer = Writer(primary, epoch=7)
    async with running(writer):
        await asyncio.sleep(0.01)
    assert (primary.epoch, primary.updates) == (7, [])
    assert [event["epoch"] for event in writer.events.recent if event["kind"] == "lease"] == [7]


@virtual_time
async def test_a_wrong_answer_is_put_right_in_the_update_that_raises_the_epoch() -> None:
    primary = authority(epoch=3)
    writer = Writer(primary, epoch=None, down={"west-1"})
    async with running(writer):
        await asyncio.sleep(10)
        writer.epoch = 7
        writer.keeper.wake()
        await asyncio.sleep(0.01)
    assert (primary.epoch, primary.answers[NAME]) == (7, Answer(frozenset({EAST}), 5))
    assert primary.serial_number == 2


@virtual_time
async def test_a_holder_of_the_past_is_refused_by_the_zone_and_stays_silent() -> None:
    primary = authority(epoch=7)
    writer = Writer(primary, epoch=6, down={"west-1"})
    async with running(writer):
        await asyncio.sleep(60)
        assert writer.keeper.epoch_seen == 7
    assert (primary.epoch, primary.answers[NAME]) == (7, BOTH)


@virtual_time
async def test_an_update_under_way_when_the_epoch_rises_is_refused_by_the_primary() -> None:
    primary = authority()
    writer = Writer(primary, epoch=1, down={"west-1"})

    def another_takes_over() -> None:
        primary.epoch = 2

    primary.before_update = another_takes_over
    async with running(writer):
        await asyncio.sleep(10)
    assert primary.updates == []
    assert primary.answers[NAME] == BOTH


@virtual_time
async def test_only_names_without_answer_in_a_zone_never_written_need_no_lease() -> None:
    primary = FakeAuthority()
    async with running(Writer(primary, epoch=None)):
        await asyncio.sleep(10)
    assert primary.updates == []
    async with running(Writer(primary, epoch=None, may_begin=True)):
        await asyncio.sleep(10)
    assert (primary.answers[NAME], primary.epoch) == (BOTH, None)


@virtual_time
async def test_a_change_of_mind_within_the_settling_time_leaves_no_trace() -> None:
    primary = authority()
    writer = Writer(primary)
    async with running(writer):
        await asyncio.sleep(1)
        writer.change("west-1")
        await asyncio.sleep(0.1)
        writer.change()
        await asyncio.sleep(10)
    assert primary.updates == []


@virtual_time
async def test_while_nothing_changes_only_the_serial_is_asked() -> None:
    primary = authority()
    async with running(Writer(primary)):
        await asyncio.sleep(24)
    assert primary.calls == ["view", "serial", "serial", "serial", "serial"]


@virtual_time
async def test_a_stray_change_is_seen_by_its_serial_and_put_right() -> None:
    primary = authority()
    async with running(Writer(primary)):
        await asyncio.sleep(1)
        primary.set({NAME: Answer(frozenset({"192.0.2.66"}), 5)})
        await asyncio.sleep(6)
    assert primary.answers[NAME] == BOTH


@virtual_time
async def test_a_dead_primary_is_tried_again_and_told_of_sparingly() -> None:
    primary = authority(down=True)
    writer = Writer(primary, down={"west-1"})
    async with running(writer):
        await asyncio.sleep(60)
        assert writer.keeper.error == "ns-east did not answer: no answer within 1 s"
        primary.down = False
        await asyncio.sleep(6)
    assert primary.answers[NAME] == Answer(frozenset({EAST}), 5)
    assert writer.kinds().count("trouble") <= 7
    assert writer.keeper.error is None


@virtual_time
async def test_a_lost_race_is_looked_at_again_and_the_other_writers_word_kept() -> None:
    primary = authority()
    writer = Writer(primary, down={"west-1"})

    def come_first() -> None:
        primary.set({NAME: Answer(frozenset({EAST}), 5)})

    primary.before_update = come_first
    async with running(writer):
        await asyncio.sleep(1)
    assert primary.updates == []
    assert primary.answers[NAME] == Answer(frozenset({EAST}), 5)


@virtual_time
async def test_a_serial_that_goes_back_is_reported() -> None:
    primary = authority(serial_number=9)
    writer = Writer(primary)
    async with running(writer):
        await asyncio.sleep(1)
        primary.serial_number = 3
        await asyncio.sleep(10)
    assert "trouble" in writer.kinds()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.integers(1, 40), st.sets(st.sampled_from(["east-1", "west-1"]), max_size=1)
        ),
        max_size=12,
    )
)
def test_of_two_racing_writers_no_update_is_ever_lost(script: list[tuple[int, int, set[str]]]) -> None:
    """Every update that was taken began from what was there; the last opinion both share is what stays."""

    async def race() -> None:
        primary = authority()
        writers = [Writer(primary), Writer(primary)]
        history = [primary.answers[NAME]]
        async with running(*writers):
            for who, hundredths, down in script:
                writers[who].change(*down)
                await asyncio.sleep(hundredths / 100)
            for writer in writers:
                writer.change("west-1")
            await asyncio.sleep(30)
        for (change,) in primary.updates:
            assert change.before == history[-1]
            assert change.after.addresses
            history.append(change.after)
        assert primary.answers[NAME] == Answer(frozenset({EAST}), 5)
        assert primary.serial_number == 1 + len(primary.updates)

    _in_virtual_time(race)


def _in_virtual_time(main: Callable[[], Coroutine[None, None, None]]) -> None:
    loop = looptime.new_event_loop(start=0)
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


def test_rank_counts_writers_that_are_heard() -> None:
    writers = ("east-1", "east-2", "west-1")
    assert rank_among(writers, "east-1", frozenset()) == 0
    assert rank_among(writers, "west-1", frozenset({"east-1"})) == 1
    assert rank_among(writers, "west-1", frozenset({"east-1", "east-2", "west-1"})) == 0
    assert rank_among(writers, "app-1", frozenset()) is None
