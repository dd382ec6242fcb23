"""The writer through boto3 itself, against moto's Route 53."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from failover.config import SteeredRecord
from failover.errors import ZoneConflict, ZoneError
from failover.events import Events
from failover.keeper import Keeper, opinion_of
from failover.route53 import Route53Zone
from failover.route53_client import REGION, BotoClient, CallError, Trouble
from failover.zone import Answer, Fence, RecordChange
from tests.failover.fleet_of_two import config

ZONE = "submit.fleet.example"
NAME = f"orders.{ZONE}"
EAST, WEST = "203.0.113.1", "203.0.113.2"


@pytest.fixture
def zone_id(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("route53", region_name=REGION)
        found = client.create_hosted_zone(Name="fleet.example.", CallerReference="test")
        yield str(found["HostedZone"]["Id"].rpartition("/")[2])


async def test_boto3_takes_what_the_writer_gives(zone_id: str) -> None:
    told: list[str] = []
    one, other = (Route53Zone(zone_id, ZONE, BotoClient(), told.append) for _ in range(2))
    both, east = (Answer(frozenset(found), 5) for found in ((EAST, WEST), (EAST,)))
    assert await one.view([NAME]) == await other.view([NAME])
    await one.update([RecordChange(NAME, Answer(), both)], Fence(None, 1))
    with pytest.raises(ZoneConflict):
        await other.update([RecordChange(NAME, Answer(), east)], Fence(None, 1))
    view = await other.view([NAME])
    assert (view.epoch, view.serial, view.answers[NAME]) == (1, 1, both)
    await other.update([RecordChange(NAME, both, east)], Fence(1, 2))
    with pytest.raises(ZoneError):
        await one.update([], Fence(1, 1))
    view = await one.view([NAME])
    assert (view.epoch, view.serial, view.answers[NAME], told) == (2, 2, east, [])
    one.close()
    other.close()


async def test_a_keeper_steers_a_hosted_zone_as_any_other(zone_id: str) -> None:
    """First answers need no lease; with one come its epoch, and the answer without a node that is out."""
    steering = config().steering
    assert steering is not None
    record = SteeredRecord(NAME, "orders", {"east-1": EAST, "west-1": WEST})
    authority = Route53Zone(zone_id, ZONE, BotoClient(), lambda _: None)
    now, epoch, out = [0.0], [0], {""}

    def in_service(_: str | None, node: str) -> bool:
        return node not in out

    steered = replace(steering, records=(record,))
    keeper = Keeper(
        authority,
        steered,
        lambda: opinion_of(steered, in_service, in_service, epoch[0] or None, may_begin=True),
        Events("east-1", None),
        lambda: now[0],
    )

    async def rounds() -> None:
        for _ in range(3):
            await keeper._round()
            now[0] += 1.0

    await rounds()
    assert (await authority.view([NAME])).answers[NAME].addresses == {EAST, WEST}
    epoch[0] = 4
    out.add("west-1")
    await rounds()
    view = await authority.view([NAME])
    assert (view.epoch, view.answers[NAME]) == (4, Answer(frozenset({EAST}), 5))
    assert (keeper.updates, keeper.failures) == (3, 0)
    authority.close()


def test_what_boto3_raises_is_told_apart(zone_id: str) -> None:
    client = BotoClient()
    with pytest.raises(CallError) as caught:
        client.call("list_resource_record_sets", HostedZoneId="Z0NOTHING")
    assert caught.value.trouble is Trouble.REFUSED
    assert "NoSuchHostedZone" in str(caught.value)
    with pytest.raises(CallError) as caught:
        client.call("list_resource_record_sets")
    assert caught.value.trouble is Trouble.UNKNOWN
