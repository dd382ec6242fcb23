"""Which path a message takes, and when it has to wait."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.model import LOCAL_WAIT_TEXT
from delivery.router.admission import HORIZON_SECONDS, Admission
from delivery.router.choose import choose
from delivery.router.plan import NO_PLAN, STALE_SECONDS, PathState, Peer, Plan
from delivery.router.settings import Settings, parse_settings
from tests.delivery.router_settings import FIRST, POOL, SECOND, path, settings_document, transport

NOW = 1_700_000_000.0
SETTINGS: Settings = parse_settings(settings_document(Path("/nowhere")))
CHANCES = [0.0, 0.2, 0.4, 0.6, 0.8, 0.999]


def plan(first: PathState | None = None, second: PathState | None = None, **more: Any) -> Plan:
    states = {path(FIRST): first, path(SECOND): second}
    return Plan(NOW, {key: state for key, state in states.items() if state}, **more)


def chosen(plan: Plan, chance: float = 0.0, isp: str = "google", now: float = NOW) -> str:
    return choose(POOL, isp, SETTINGS.routes[POOL], plan, Admission(), now, chance).transport


def every(plan: Plan, isp: str = "google", now: float = NOW) -> set[str]:
    return {chosen(plan, chance, isp, now) for chance in CHANCES}


def test_without_a_plan_the_static_shares_hold_evenly() -> None:
    half = {chosen(NO_PLAN, chance) for chance in (0.0, 0.49)}
    assert half == {f"{transport(1)}:"}
    assert {chosen(NO_PLAN, chance) for chance in (0.51, 0.99)} == {f"{transport(2)}:"}


def test_a_suspended_address_gets_nothing_until_its_time_is_up() -> None:
    resting = plan(PathState(suspended_until=NOW + 60))
    assert every(resting) == {f"{transport(2)}:"}
    assert every(resting, now=NOW + 60) == {f"{transport(1)}:", f"{transport(2)}:"}


def test_one_isps_trouble_is_not_anothers() -> None:
    resting = plan(PathState(suspended_until=NOW + 60), PathState(suspended_until=NOW + 60))
    assert every(resting) == {f"retry:4.7.0 {LOCAL_WAIT_TEXT}each address rests at google"}
    assert every(resting, "yahoo") == {f"{transport(1, 'yahoo')}:", f"{transport(2, 'yahoo')}:"}


@pytest.mark.parametrize("state", [PathState(stage=4), PathState(tokens=0.5), PathState(score=0)])
def test_who_is_blocked_or_has_spent_its_tokens_gets_nothing(state: PathState) -> None:
    assert every(plan(state)) == {f"{transport(2)}:"}


def test_a_stale_plan_is_not_followed_but_its_suspensions_are() -> None:
    late = NOW + STALE_SECONDS + 1
    old = plan(PathState(suspended_until=late + 60, score=1), PathState(messages_per_hour=30))
    assert every(old, now=late) == {f"{transport(2)}:"}


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (PathState(), 0),
        (PathState(messages_per_hour=5000), 0),
        (PathState(connections=4), 0),
        (PathState(connections=3), 1),
        (PathState(messages_per_hour=3600), 2),
        (PathState(messages_per_hour=400, connections=2), 2),
        (PathState(messages_per_hour=359), 3),
    ],
)
def test_the_fastest_step_within_what_is_allowed(state: PathState, step: int) -> None:
    rested = PathState(suspended_until=NOW + 1)
    assert every(plan(state, rested)) == {f"{transport(1, step=step)}:"}


def test_a_pace_below_the_slowest_step_waits() -> None:
    rested = PathState(suspended_until=NOW + 1)
    assert every(plan(PathState(messages_per_hour=29), rested)) == {
        f"retry:4.7.0 {LOCAL_WAIT_TEXT}no address may send more to google now"
    }


def test_the_better_address_gets_more() -> None:
    shares = [chosen(plan(PathState(score=50)), number / 100) for number in range(100)]
    assert shares.count(f"{transport(1)}:") == pytest.approx(20, abs=1)  # a quarter against a whole
    shares = [chosen(plan(PathState(tokens=10)), number / 100) for number in range(100)]
    assert 0 < shares.count(f"{transport(1)}:") < 20


def test_another_node_takes_what_no_address_here_may_send() -> None:
    rested = PathState(suspended_until=NOW + 1)
    peers = {POOL: (Peer("west-1", "[203.0.113.11]:11026", isps=frozenset({"google"})),)}
    assert every(plan(rested, rested, peers=peers)) == {"peer:[203.0.113.11]:11026"}
    assert every(plan(rested, peers=peers)) == {f"{transport(2)}:"}
    other = {POOL: (dataclasses.replace(peers[POOL][0], isps=frozenset({"yahoo"})),)}
    assert next(iter(every(plan(rested, rested, peers=other)))).startswith("retry:4.7.0 ")


def test_an_isp_without_an_address_here_gets_no_other_isps_transport() -> None:
    assert every(NO_PLAN, "apple") == {f"retry:4.7.0 {LOCAL_WAIT_TEXT}this instance has no address for apple"}


def test_a_look_up_spends_no_tokens() -> None:
    limited = plan(PathState(tokens=1), PathState(suspended_until=NOW + 1))
    admission = Admission()
    answers = {
        choose(POOL, "google", SETTINGS.routes[POOL], limited, admission, NOW, 0.0).transport
        for _ in range(20)
    }
    assert answers == {f"{transport(1)}:"}


states = st.builds(
    PathState,
    messages_per_hour=st.none() | st.floats(0, 10_000),
    connections=st.none() | st.integers(0, 10),
    score=st.floats(0, 100),
    stage=st.integers(0, 4),
    tokens=st.none() | st.floats(0, 1000),
    suspended_until=st.none() | st.floats(NOW - 1000, NOW + 1000),
)


@given(states, states, st.lists(st.tuples(st.floats(0, 4), st.floats(0, 0.999)), max_size=60))
def test_no_path_is_given_more_than_it_may_send(
    first: PathState, second: PathState, questions: list[tuple[float, float]]
) -> None:
    """While the plan is fresh: never a path that may not, never above pace times time, and room."""
    now, admission, given_by_path = NOW, Admission(), dict[str, int]()
    for pause, chance in questions:
        now += pause
        routes = SETTINGS.routes[POOL]
        answer = choose(POOL, "google", routes, plan(first, second), admission, now, chance)
        if answer.path is None:
            assert answer.transport.startswith("retry:")
            continue
        state = first if answer.path == path(FIRST) else second
        assert state.suspended_until is None or state.suspended_until <= now
        assert state.stage < 4 and state.score > 0
        name = answer.path.address
        given_by_path[name] = given_by_path.get(name, 0) + 1
        if state.messages_per_hour is not None:
            elapsed = now - NOW
            most = state.messages_per_hour / 3600 * (elapsed + HORIZON_SECONDS) + 3
            assert given_by_path[name] <= most
