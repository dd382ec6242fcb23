"""Sessions under way: kept on suspicion, cut once when sites agree that what they lead to is dead."""

from io import StringIO

import pytest

from failover.cutting import LASTING_SECONDS
from failover.decide import Fault, GroupKey, Standing
from failover.events import Events
from failover.frontdoor import FrontDoor
from tests.failover.test_haproxy import NODES, POOLS, FakeHaproxy, haproxy

SINCE = 100.0
DEAD = Standing(
    in_service=False, healthy=False, unhealthy_since=1.0, fault=Fault.CRASH, agreed=True, dead_since=SINCE
)
CUTS = [f"shutdown sessions server {backend}/west-1" for backend in POOLS["orders"].backends]


class Door:
    """A front door whose plan and clock tests set."""

    def __init__(self) -> None:
        self.haproxy: FakeHaproxy = haproxy()
        self.west, self.now = DEAD, SINCE
        self.events = Events("east-1", None, stream=StringIO())
        self.door = FrontDoor(self.haproxy, POOLS, self._plan, self.events, lambda: self.now)

    def _plan(self) -> dict[GroupKey, dict[str, Standing]]:
        return {GroupKey("relay", "orders"): {NODES[0]: Standing(), NODES[1]: self.west}}

    async def cuts_after(self, seconds: float) -> list[str]:
        self.haproxy.commands.clear()
        self.now += seconds
        await self.door.reconcile()
        return [one for one in self.haproxy.commands if one.startswith("shutdown")]


async def test_sessions_are_cut_once_when_death_has_lasted() -> None:
    door = Door()
    assert await door.cuts_after(LASTING_SECONDS / 2) == []
    assert await door.cuts_after(LASTING_SECONDS) == CUTS
    assert await door.cuts_after(LASTING_SECONDS) == []
    assert [one["kind"] for one in door.events.recent].count("haproxy_cut") == 1


async def test_they_are_cut_again_after_it_has_lived_in_between() -> None:
    door = Door()
    assert await door.cuts_after(LASTING_SECONDS) == CUTS
    door.west = Standing()
    assert await door.cuts_after(1.0) == []
    door.west = DEAD._replace(dead_since=door.now)
    assert await door.cuts_after(LASTING_SECONDS) == CUTS


@pytest.mark.parametrize(
    "changes",
    [
        {"agreed": False},
        {"fault": Fault.HANG, "dead_since": None},
        {"in_service": True},
        {"healthy": True, "fault": None, "ordered_out": True},
    ],
)
async def test_what_only_looks_dead_keeps_its_sessions(changes: dict[str, object]) -> None:
    door = Door()
    door.west = DEAD._replace(**changes)  # type: ignore[arg-type]
    assert await door.cuts_after(LASTING_SECONDS) == []


async def test_an_order_that_failed_is_given_again() -> None:
    door = Door()
    door.haproxy.broken = True
    with pytest.raises(Exception, match="cannot be reached"):
        await door.cuts_after(LASTING_SECONDS)
    door.haproxy.broken = False
    assert await door.cuts_after(1.0) == CUTS
