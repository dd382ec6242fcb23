"""Caps are kept by construction: no fleet, partitioned or not, opens more than a provider allows."""

from datetime import date
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.catalogue import Catalogue, Isp, Stage
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from fleet.transports import (
    InstanceTransports,
    Transport,
    TransportError,
    instance_transports,
    rate_delay_seconds,
    share_out,
    stage_of,
    steps,
)

TODAY = date(2026, 11, 23)
# Constants, since hypothesis cannot take fixtures of a function's scope.
CATALOGUE = Catalogue.load()
LAB = Fleet.of(load_environment(Path(__file__).parents[2] / "environments" / "lab.yaml"))


@pytest.fixture(scope="module")
def instances() -> dict[tuple[str, str], InstanceTransports]:
    return instance_transports(LAB, CATALOGUE, TODAY)


def counted(catalogue: Catalogue, name: str, how: str, cap: int) -> Catalogue:
    """The catalogue with one ISP that counts `cap` connections differently."""
    isp = catalogue.isps[name]
    figure = isp.limits.established.connections.model_copy(update={"value": cap})
    established = isp.limits.established.model_copy(update={"connections": figure})
    limits = isp.limits.model_copy(update={"established": established})
    changed = isp.model_copy(update={"connections_counted": how, "limits": limits})
    return Catalogue({**catalogue.isps, name: changed})


def test_each_instance_reaches_every_isp(
    instances: dict[tuple[str, str], InstanceTransports],
) -> None:
    assert len(instances) == 12
    for (node, pool), instance in instances.items():
        assert instance.by_isp.keys() == CATALOGUE.isps.keys()
        expected = {address.address for address in LAB.node(node).sending_of(pool)}
        assert {transport.bind_address for transport in instance.transports} == expected
        assert all(transport.process_limit >= 1 for transport in instance.transports)


def test_a_transport_carries_its_address_and_the_isps_limits(
    instances: dict[tuple[str, str], InstanceTransports],
) -> None:
    second = instances["west-2", "transactional"].by_isp["google"][1]
    assert second.name == "transactional-2-google"
    assert second.bind_address == IPv4Address("203.0.113.32")
    assert second.helo == "transactional-2.west-2.fleet.example"
    assert (second.process_limit, second.messages_per_connection, second.reuse_count_limit) == (5, 50, 49)
    assert second.tls_level == "encrypt"
    assert second.rate_delay_seconds == 0


def test_names_are_unique_within_an_instance(instances: dict[tuple[str, str], InstanceTransports]) -> None:
    for instance in instances.values():
        names = [transport.name for transport in instance.transports]
        assert len(names) == len(set(names))


def test_a_cap_per_domain_leaves_room_for_several_domains(
    instances: dict[tuple[str, str], InstanceTransports],
) -> None:
    (default,) = instances["east-1", "marketing"].by_isp["default"]
    assert (default.destination_concurrency_limit, default.process_limit) == (10, 50)


@pytest.mark.parametrize(
    ("warm_since", "stage"),
    [
        (None, Stage.FRESH),
        (date(2026, 11, 24), Stage.FRESH),
        (date(2026, 11, 10), Stage.FRESH),
        (date(2026, 11, 9), Stage.WARMING),
        (date(2026, 10, 13), Stage.WARMING),
        (date(2026, 10, 12), Stage.ESTABLISHED),
    ],
)
def test_addresses_gain_standing_with_weeks_of_sending(warm_since: date | None, stage: Stage) -> None:
    assert stage_of(warm_since, TODAY) is stage


@given(cap=st.integers(1, 500), count=st.integers(0, 60))
def test_shares_never_exceed_the_cap_and_are_never_zero(cap: int, count: int) -> None:
    claimants = list(range(count))
    if cap < count:
        with pytest.raises(TransportError):
            share_out(cap, claimants)
        return
    shares = share_out(cap, claimants)
    assert shares.keys() == set(claimants)
    assert sum(shares.values()) == (cap if claimants else 0)
    assert all(share >= 1 for share in shares.values())
    assert not shares or max(shares.values()) - min(shares.values()) <= 1


@given(cap=st.integers(12, 100))
def test_a_cap_counted_over_the_fleet_is_never_exceeded(cap: int) -> None:
    catalogue = counted(CATALOGUE, "google", "per_fleet", cap)
    instances = instance_transports(LAB, catalogue, TODAY)
    limits = [one.process_limit for each in instances.values() for one in each.by_isp["google"]]
    assert sum(limits) <= cap
    assert all(limit >= 1 for limit in limits)
    assert all(each.by_isp["google"] for each in instances.values())


def test_what_does_not_divide_evenly_goes_round_the_regions() -> None:
    instances = instance_transports(LAB, counted(CATALOGUE, "google", "per_fleet", 18), TODAY)
    by_region = {"east": 0, "west": 0}
    for (node, _pool), each in instances.items():
        by_region[node.split("-")[0]] += sum(one.process_limit for one in each.by_isp["google"])
    assert by_region == {"east": 9, "west": 9}


def test_a_cap_smaller_than_the_fleet_is_refused_in_words() -> None:
    with pytest.raises(TransportError, match=r"isps/google.yaml.*5 connections.*12 instances"):
        instance_transports(LAB, counted(CATALOGUE, "google", "per_fleet", 5), TODAY)


@pytest.mark.parametrize("isp", CATALOGUE.isps.values(), ids=lambda isp: isp.isp)
@pytest.mark.parametrize("stage", Stage)
def test_a_paced_transport_keeps_within_both_rates(isp: Isp, stage: Stage) -> None:
    limits = isp.limits_at(stage)
    delay = rate_delay_seconds(limits)
    for figure, period in ((limits.messages_per_minute, 60), (limits.messages_per_hour, 3600)):
        if figure is not None and delay:
            assert period / delay <= figure.value
    if stage is Stage.FRESH:
        assert delay > 0


def test_fresh_pools_are_paced() -> None:
    data = LAB.environment.model_copy(
        update={
            "pools": {
                name: pool.model_copy(update={"warm_since": None}) if name == "marketing" else pool
                for name, pool in LAB.environment.pools.items()
            }
        }
    )
    instances = instance_transports(Fleet.of(data), CATALOGUE, TODAY)
    assert instances["east-1", "marketing"].by_isp["google"][0].rate_delay_seconds == 180
    assert instances["east-1", "transactional"].by_isp["google"][0].rate_delay_seconds == 0


def test_steps_only_get_slower_and_never_exceed_the_share(
    instances: dict[tuple[str, str], InstanceTransports],
) -> None:
    for instance in instances.values():
        for full in instance.transports:
            found = steps(full)
            assert found[0] == full
            assert 2 <= len(found) <= 5
            for faster, slower in pairwise(found):
                assert slower.process_limit <= faster.process_limit
                assert slower.destination_concurrency_limit <= faster.destination_concurrency_limit
                assert slower.rate_delay_seconds >= faster.rate_delay_seconds
                assert _pace(slower) < _pace(faster)
            assert {one.bind_address for one in found} == {full.bind_address}


def test_names_of_steps_are_nobody_elses(instances: dict[tuple[str, str], InstanceTransports]) -> None:
    for instance in instances.values():
        names = [step.name for full in instance.transports for step in steps(full)]
        assert len(set(names)) == len(names)


def _pace(transport: Transport) -> tuple[int, int]:
    return -transport.rate_delay_seconds, transport.process_limit
