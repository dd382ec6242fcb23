"""What the forwarder does to packets, decided without devices or clocks."""

import itertools
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.network.forwarder import Direction, Router

_LINK = {
    "site_a": "east",
    "site_b": "west",
    "delay_milliseconds": 40,
    "jitter_milliseconds": 0,
    "loss_percent": 0,
}
_PLAN: dict[str, object] = {
    "sites": {"east": "198.51.100.0/24", "west": "203.0.113.0/24", "north": "192.0.2.0/26"},
    "links": [_LINK],
}
_moments = st.lists(st.floats(0, 100), min_size=1, max_size=50).map(sorted)
_chances = st.floats(0, 1, exclude_max=True)


def _packed(address: str) -> bytes:
    return IPv4Address(address).packed


@given(_moments, st.floats(0, 1), st.floats(0, 1), st.lists(_chances, min_size=1))
def test_packets_keep_their_order_and_their_bounds(
    moments: list[float], delay: float, jitter: float, chances: list[float]
) -> None:
    direction = Direction(delay, jitter, loss=0.0, random=itertools.cycle(chances).__next__)
    latest = 0.0
    for moment in moments:
        due = direction.due(moment)
        assert due is not None
        assert due >= max(latest, moment)
        assert due <= max(latest, moment + delay + jitter) + 1e-9
        latest = due


def test_loss_takes_the_share_asked_for() -> None:
    chances = [step / 100 for step in range(100)]
    direction = Direction(0.0, 0.0, loss=0.25, random=iter(chances).__next__)
    assert sum(direction.due(1.0) is None for _ in chances) == 25


def test_a_packet_goes_to_the_site_that_holds_its_address() -> None:
    router = Router.of(_PLAN)
    assert router.route("east", _packed("203.0.113.11"), 5.0) == ("west", 5.04)
    assert router.route("west", _packed("198.51.100.11"), 5.0) == ("east", 5.04)


@pytest.mark.parametrize("address", ["192.0.2.11", "198.51.100.12", "8.8.8.8"])
def test_a_packet_without_a_link_goes_nowhere(address: str) -> None:
    assert Router.of(_PLAN).route("east", _packed(address), 5.0) is None


@pytest.mark.parametrize("plan", [{}, {"sites": [], "links": []}, {"sites": {"a": "x"}, "links": []}])
def test_a_broken_plan_is_refused_as_a_whole(plan: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Router.of(plan)
