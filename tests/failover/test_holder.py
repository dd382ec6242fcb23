"""Nodes that share a lease, in virtual time: who holds it, for how long, and what ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO

import pytest

from failover.events import Events
from failover.holder import RANK_WAIT_SECONDS, TURN_SECONDS, Bid, LeaseHolder, StandBack
from failover.lease import PATIENCE_FACTOR, Candidate, decode_record
from tests.failover.stores import FakeStore, Line

TERM = 3.0
FOLLOWS_WITHIN_SECONDS = PATIENCE_FACTOR * TERM + 2 * RANK_WAIT_SECONDS + 3 * TURN_SECONDS
"""From a holder's death until the third in line holds the lease, at most."""

virtual_time = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


class Node:
    def __init__(self, store: FakeStore, name: str, rank: int = 0) -> None:
        self.line = Line(store)
        self.willing = True
        self.rank = rank
        self.changes = 0
        self.events = Events(name, None, stream=StringIO())
        self.holder = LeaseHolder(
            self.line, Candidate(name, "1", TERM), self._bid, self._changed, self.events, now
        )

    def _bid(self) -> Bid:
        return Bid(self.willing, self.rank * RANK_WAIT_SECONDS)

    def _changed(self) -> None:
        self.changes += 1

    def told(self) -> list[str]:
        return [event["kind"] for event in self.events.recent]


@asynccontextmanager
async def running(*nodes: Node) -> AsyncIterator[dict[Node, "asyncio.Task[None]"]]:
    tasks = {node: asyncio.create_task(node.holder.run()) for node in nodes}
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def held_by(*nodes: Node) -> list[int]:
    """The epochs under which they hold the lease: of one node, or of none."""
    return [epoch for one in nodes if (epoch := one.holder.epoch()) is not None]


def three() -> tuple[Node, Node, Node]:
    store = FakeStore()
    return Node(store, "east-1", 0), Node(store, "east-2", 1), Node(store, "west-1", 2)


@virtual_time
async def test_the_first_in_line_takes_a_free_lease_and_keeps_it() -> None:
    east, second, third = three()
    async with running(east, second, third):
        await asyncio.sleep(60)
        assert [one.holder.epoch() for one in (east, second, third)] == [1, None, None]
    assert east.told() == ["lease"]
    assert east.changes == 1


@virtual_time
async def test_another_follows_a_dead_holder_within_the_bound_and_not_before_he_has_given_up() -> None:
    east, second, third = three()
    async with running(east, second, third) as tasks:
        await asyncio.sleep(20.2)
        tasks[east].cancel()
        died = now()
        while not (second.holder.epoch() or third.holder.epoch()):
            assert now() - died < FOLLOWS_WITHIN_SECONDS
            await asyncio.sleep(0.01)
            assert east.holder.epoch() is None or not (second.holder.epoch() or third.holder.epoch())
        assert held_by(second, third) == [2]


@virtual_time
async def test_a_lease_given_back_at_a_stop_is_taken_within_a_turn_or_two() -> None:
    east, second, third = three()
    async with running(east, second, third) as tasks:
        await asyncio.sleep(20)
        tasks[east].cancel()
        await east.holder.give_back()
        assert east.holder.epoch() is None
        await asyncio.sleep(2 * TURN_SECONDS + RANK_WAIT_SECONDS)
        assert held_by(second, third) == [2]


@virtual_time
async def test_without_the_store_the_lease_runs_out_and_the_trouble_is_told_with_its_time() -> None:
    east, second, third = three()
    async with running(east, second, third):
        await asyncio.sleep(20)
        for one in (east, second, third):
            one.line.cut = True
        cut = now()
        await asyncio.sleep(TERM)
        assert east.holder.epoch() is None
        await asyncio.sleep(60 - TERM)
        assert east.holder.error is not None
        assert east.holder.failing_since is not None
        assert cut <= east.holder.failing_since <= cut + TURN_SECONDS + 1
        assert east.told().count("trouble") <= 7
        for one in (east, second, third):
            one.line.cut = False
        await asyncio.sleep(FOLLOWS_WITHIN_SECONDS)
        assert len(held_by(east, second, third)) == 1
        assert east.holder.error is None
        assert east.holder.failing_since is None


@virtual_time
async def test_a_holder_cut_off_from_the_store_is_followed_and_takes_nothing_back() -> None:
    east, second, third = three()
    async with running(east, second, third):
        await asyncio.sleep(20)
        east.line.cut = True
        await asyncio.sleep(20)
        assert held_by(second, third) == [2]
        east.line.cut = False
        await asyncio.sleep(20)
        assert east.holder.epoch() is None
        assert held_by(second, third) == [2]


@virtual_time
async def test_lost_answers_cost_no_more_than_a_term_of_holding() -> None:
    """What was asked for has happened each time, so the record names the holder still."""
    east, second, third = three()
    async with running(east, second, third):
        await asyncio.sleep(20)
        east.line.loses_answers = True
        await asyncio.sleep(2 * TERM)
        assert east.holder.epoch() is None
        east.line.loses_answers = False
        await asyncio.sleep(FOLLOWS_WITHIN_SECONDS)
        assert len(held_by(east, second, third)) == 1
    epochs = [found.epoch for value in east.line.store.writes if (found := decode_record(value))]
    assert epochs == sorted(epochs)


@virtual_time
async def test_a_node_that_would_rather_not_hands_the_lease_on() -> None:
    east, second, third = three()
    async with running(east, second, third):
        await asyncio.sleep(20)
        east.willing = False
        await asyncio.sleep(2)
        assert east.holder.epoch() is None
        assert held_by(second, third) == [2]


def test_a_holder_without_a_way_to_a_primary_stands_back_more_seldom_each_time() -> None:
    standing, stood = StandBack(), []
    held_since = 0.0
    for tenth in range(10 * 600):
        at = tenth / 10
        if standing.consider(failing_since=0.0, held_since=held_since, now=at):
            stood.append(at)
            assert standing.wait_seconds(at) > 0
            held_since = at + 1
    assert [round(one) for one in stood] == [5, 65, 185, 425]


def test_trouble_from_before_the_lease_was_taken_does_not_count() -> None:
    standing = StandBack()
    assert not standing.consider(failing_since=0.0, held_since=None, now=100.0)
    assert not standing.consider(failing_since=0.0, held_since=96.0, now=100.0)
    assert not standing.consider(failing_since=None, held_since=0.0, now=100.0)
    assert standing.consider(failing_since=0.0, held_since=95.0, now=100.0)
