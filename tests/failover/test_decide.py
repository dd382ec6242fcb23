"""The decision's invariants, on examples and on whatever hypothesis comes up with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.decide import (
    Check,
    Decision,
    Group,
    GroupKey,
    Kind,
    Policy,
    Result,
    Snapshot,
    Standing,
    Target,
    Threshold,
    decide,
    floor,
)

NODES = ("a", "b", "c", "d")
POOLS = ("news", "orders")
RELAY = {pool: GroupKey("relay", pool) for pool in POOLS}
POLICY = Policy(
    observer="a",
    groups=tuple(
        Group(RELAY[pool], {node: (Target(node, pool, Check.NOOP),) for node in NODES}) for pool in POOLS
    ),
    thresholds={Check.NOOP: Threshold(fall=2, rise=3)},
    silence_seconds=0.4,
    floor_percent=50,
    most_lag_seconds=0.1,
)
START = Decision({}, {}, frozenset(), ())


def results(good: bool, *places: tuple[str, str]) -> list[Result]:
    return [Result(Target(node, pool, Check.NOOP), good, "" if good else "no reply") for node, pool in places]


def step(
    before: Decision,
    found: Iterable[Result] = (),
    now: float = 1.0,
    policy: Policy = POLICY,
    lag_seconds: float = 0.0,
    heard_at: dict[str, float] | None = None,
    self_reports: dict[str, frozenset[str]] | None = None,
    orders: dict[str, str] | None = None,
) -> Decision:
    snapshot = Snapshot(
        results=tuple(found),
        heard_at=heard_at if heard_at is not None else dict.fromkeys(NODES, now),
        self_reports=self_reports or {},
        lag_seconds=lag_seconds,
        health=before.health,
        plan=before.plan,
        silent=before.silent,
        heeded_reports=before.heeded_reports,
        orders=orders or {},
        heeded_orders=before.heeded_orders,
        doubted=before.doubt is not None,
        heeded_overrides=before.heeded_overrides,
        due=before.due,
    )
    return decide(snapshot, policy, now)


def fail(before: Decision, *places: tuple[str, str], times: int = 2) -> Decision:
    for _ in range(times):
        before = step(before, results(False, *places))
    return before


def out(decision: Decision, pool: str = "orders") -> set[str]:
    return {node for node, one in decision.plan[RELAY[pool]].items() if not one.in_service}


def test_one_failure_is_a_suspicion_two_take_the_instance_out() -> None:
    first = step(START, results(False, ("b", "orders")))
    assert [change.kind for change in first.changes] == [Kind.SUSPECT]
    assert out(first) == set()
    second = step(first, results(False, ("b", "orders")))
    assert out(second) == {"b"}
    assert [(change.kind, change.node, change.pool) for change in second.changes] == [
        (Kind.DOWN, "b", "orders")
    ]
    assert second.changes[0].reason == "The orders instance on b leaves service: SMTP probe: no reply."


def test_a_hanging_pool_moves_that_pool_only() -> None:
    assert out(fail(START, ("b", "orders")), "news") == set()


def test_a_success_in_between_clears_the_suspicion() -> None:
    state = step(START, results(False, ("b", "orders")))
    state = step(state, results(True, ("b", "orders")))
    assert out(step(state, results(False, ("b", "orders")))) == set()


def test_the_way_back_takes_rise_successes_in_a_row() -> None:
    state = fail(START, ("b", "orders"))
    for good in (True, True, False, True, True):
        state = step(state, results(good, ("b", "orders")))
    assert out(state) == {"b"}
    state = step(state, results(True, ("b", "orders")))
    assert out(state) == set()
    assert [change.kind for change in state.changes] == [Kind.UP]


def test_a_silent_node_leaves_every_pool_at_once() -> None:
    state = step(START, now=10.0, heard_at={"a": 10.0, "b": 9.5, "c": 10.0, "d": 10.0})
    assert out(state, "orders") == out(state, "news") == {"b"}
    assert "Nothing was heard from b for 500 ms." in [change.reason for change in state.changes]


def test_a_silent_node_that_serves_nothing_is_told_of_too() -> None:
    state = step(step(START, now=9.0), now=10.0, heard_at=dict.fromkeys(NODES, 10.0) | {"witness": 9.5})
    assert [change.reason for change in state.changes] == ["Nothing was heard from witness for 500 ms."]


def test_a_node_heard_again_still_has_to_prove_itself() -> None:
    state = step(START, now=11.0, heard_at={"a": 11.0, "b": 10.0, "c": 11.0, "d": 11.0})
    for count in range(3):
        state = step(state, results(True, ("b", "orders")), now=12.0)
        assert out(state) == (set() if count == 2 else {"b"})


def test_those_below_the_floor_stay_and_say_why() -> None:
    state = fail(START, ("b", "orders"), ("c", "orders"), ("d", "orders"))
    assert len(out(state)) == 2
    held = [one for one in state.plan[RELAY["orders"]].values() if one.in_service and not one.healthy]
    assert [one.reason for one in held] == ["SMTP probe: no reply, but kept because too few would be left"]
    assert Kind.HELD in [change.kind for change in state.changes]


def test_who_left_first_stays_out_when_more_fail() -> None:
    state = fail(START, ("d", "orders"))
    state = fail(state, ("a", "orders"), ("b", "orders"), ("c", "orders"))
    assert "d" in out(state)


def test_a_late_observer_does_not_trust_its_failures() -> None:
    state = step(START, results(False, ("b", "orders")))
    state = step(state, results(False, ("b", "orders")), lag_seconds=0.3)
    assert out(state) == set()
    assert state.doubt == "this observer itself ran 300 ms late"
    assert out(step(state, results(False, ("b", "orders")))) == {"b"}


def test_an_observer_that_hears_nobody_doubts_itself() -> None:
    state = step(START, now=10.0, heard_at={"a": 10.0, "b": 9.0, "c": 9.0, "d": 9.0})
    assert out(state) == set()
    assert state.silent == frozenset()
    assert state.doubt == "no other node can be heard: this observer is cut off"


def test_in_a_fleet_of_two_the_other_one_can_be_down() -> None:
    group = Group(RELAY["orders"], {node: (Target(node, "orders", Check.NOOP),) for node in ("a", "b")})
    policy = replace(POLICY, groups=(group,))
    state = step(START, now=10.0, heard_at={"a": 10.0, "b": 9.0}, policy=policy)
    assert out(state) == {"b"}


def test_a_nodes_word_against_itself_counts_at_once() -> None:
    state = step(START, self_reports={"c": frozenset({"orders"})})
    assert out(state) == {"c"}
    assert out(state, "news") == set()


def test_a_word_about_the_front_door_moves_entries_and_not_instances() -> None:
    key = GroupKey("entry", "orders")
    entries = Group(key, {node: (Target(node, "orders", Check.ENTRY),) for node in NODES})
    policy = replace(POLICY, groups=(*POLICY.groups, entries))
    state = step(START, self_reports={"c": frozenset({"entry:orders"})}, policy=policy)
    assert out(state) == set()
    assert not state.plan[key]["c"].in_service


def test_a_member_that_needs_any_stands_while_one_target_is_up() -> None:
    targets = (Target("b", "orders", Check.NOOP), Target("b", "news", Check.NOOP))
    other = (Target("c", "orders", Check.NOOP),)
    key = GroupKey("entry", "")
    policy = replace(POLICY, groups=(Group(key, {"b": targets, "c": other}, needs="any"),))
    state = START
    for _ in range(2):
        state = step(state, results(False, ("b", "orders")), policy=policy)
    assert state.plan[key]["b"].in_service
    for _ in range(2):
        state = step(state, results(False, ("b", "news")), policy=policy)
    assert not state.plan[key]["b"].in_service


@pytest.mark.parametrize(("members", "percent", "least"), [(4, 50, 2), (3, 50, 2), (1, 1, 1), (5, 100, 5)])
def test_the_floor_rounds_up_and_is_never_zero(members: int, percent: int, least: int) -> None:
    assert floor(members, percent) == least


places = st.tuples(st.sampled_from(NODES), st.sampled_from(POOLS))
rounds = st.lists(
    st.tuples(
        st.lists(st.tuples(places, st.booleans()), max_size=8),
        st.sets(st.sampled_from(NODES)),
        st.sampled_from([0.0, 0.0, 0.0, 0.2]),
    ),
    max_size=25,
)


def play(script: Sequence[tuple[list[tuple[tuple[str, str], bool]], set[str], float]]) -> list[Decision]:
    """Decisions of one run; in each round some probes end, some nodes are not heard, the observer may lag."""
    states, heard_at = [START], dict.fromkeys(NODES, 0.0)
    for number, (found, unheard, lag) in enumerate(script):
        now = number * 0.3
        heard_at |= {node: now for node in NODES if node not in unheard}
        found_results = [one for place, good in found for one in results(good, place)]
        states.append(step(states[-1], found_results, now, lag_seconds=lag, heard_at=dict(heard_at)))
    return states[1:]


@given(rounds)
def test_never_below_the_floor(
    script: list[tuple[list[tuple[tuple[str, str], bool]], set[str], float]],
) -> None:
    for state in play(script):
        for pool in POOLS:
            assert len(NODES) - len(out(state, pool)) >= floor(len(NODES), 50)


@given(rounds)
def test_the_healthy_stay_and_the_unhealthy_come_back_only_for_worse_ones(
    script: list[tuple[list[tuple[tuple[str, str], bool]], set[str], float]],
) -> None:
    before: dict[str, set[str]] = {pool: set() for pool in POOLS}
    for state in play(script):
        for pool in POOLS:
            standings = state.plan[RELAY[pool]]
            assert all(standings[node].in_service for node in NODES if standings[node].healthy)
            returned = before[pool] - out(state, pool)
            assert all(standings[node].healthy or _made_room(node, standings) for node in returned)
            before[pool] = out(state, pool)


def _made_room(node: str, standings: Mapping[str, Standing]) -> bool:
    """Whether nobody that is out now is better, and somebody is worse."""
    out_now = [one.fault.severity if one.fault else 0 for one in standings.values() if not one.in_service]
    own = standings[node].fault
    return own is not None and min(out_now) >= own.severity and max(out_now) > own.severity


@given(rounds)
def test_the_same_history_gives_the_same_decisions(
    script: list[tuple[list[tuple[tuple[str, str], bool]], set[str], float]],
) -> None:
    assert play(script) == play(script)


@given(st.lists(st.tuples(places, st.booleans()), max_size=60))
def test_no_check_changes_its_mind_faster_than_fall_and_rise(
    found: list[tuple[tuple[str, str], bool]],
) -> None:
    state = START
    history: dict[Target, list[bool]] = {}
    for place, good in found:
        target = Target(*place, Check.NOOP)
        was_up = target not in state.health or state.health[target].up
        state = step(state, results(good, place))
        history.setdefault(target, []).append(good)
        is_up = target not in state.health or state.health[target].up
        if is_up != was_up:
            needed = 3 if is_up else 2
            assert history[target][-needed:] == [is_up] * needed


@given(st.sets(st.sampled_from(NODES)), st.sets(st.sampled_from(NODES)))
def test_more_failures_bring_nobody_back(first: set[str], more: set[str]) -> None:
    some = fail(START, *((node, "orders") for node in sorted(first)))
    many = fail(some, *((node, "orders") for node in sorted(more)))
    assert out(some) <= out(many)


ORDER = "taken out by ada: new disk"


def test_a_node_ordered_out_leaves_every_pool_although_it_is_healthy() -> None:
    state = step(START, orders={"b": ORDER})
    assert out(state, "orders") == out(state, "news") == {"b"}
    assert [one.reason for one in state.changes] == [
        f"The {pool} instance on b leaves service: {ORDER}." for pool in POOLS
    ]
    standing = state.plan[RELAY["orders"]]["b"]
    assert (standing.healthy, standing.ordered_out) == (True, True)


def test_an_order_holds_from_cycle_to_cycle_and_its_end_brings_the_healthy_back_at_once() -> None:
    state = step(step(START, orders={"b": ORDER}), orders={"b": ORDER})
    assert state.changes == ()
    assert out(state) == {"b"}
    state = step(state)
    assert out(state) == set()
    assert {one.kind for one in state.changes} == {Kind.UP}


def test_the_sick_do_not_come_back_when_their_order_ends() -> None:
    state = step(START, orders={"b": ORDER})
    for _ in range(2):
        state = step(state, results(False, ("b", "orders")), orders={"b": ORDER})
    assert out(step(state)) == {"b"}


def test_an_order_below_the_floor_is_refused_and_says_so() -> None:
    state = step(START, orders=dict.fromkeys(("a", "b", "c"), ORDER))
    assert out(state) == {"a", "b"}
    held = state.plan[RELAY["orders"]]["c"]
    assert held.reason == f"{ORDER}, but kept because too few would be left"
    assert [(one.kind, one.node) for one in state.changes if one.pool == "orders"][-1] == (Kind.HELD, "c")


def test_an_order_gives_way_when_failures_need_the_floor() -> None:
    orders = {"a": ORDER}
    state = step(START, orders=orders)
    for _ in range(2):
        state = step(state, results(False, ("b", "orders"), ("c", "orders")), orders=orders)
    assert out(state) == {"b", "c"}


def test_an_observer_in_doubt_carries_out_no_new_order_and_keeps_the_old_ones() -> None:
    late = step(START, orders={"b": ORDER}, lag_seconds=0.3)
    assert out(late) == set()
    state = step(late, orders={"b": ORDER})
    assert out(state) == {"b"}
    assert out(step(state, orders={"b": ORDER}, lag_seconds=0.3)) == {"b"}


@given(rounds, st.lists(st.sets(st.sampled_from(NODES)), min_size=25, max_size=25))
def test_orders_never_go_below_the_floor_nor_before_the_sick(
    script: list[tuple[list[tuple[tuple[str, str], bool]], set[str], float]], ordered: list[set[str]]
) -> None:
    state, heard_at = START, dict.fromkeys(NODES, 0.0)
    for number, (found, unheard, lag) in enumerate(script):
        now = number * 0.3
        heard_at |= {node: now for node in NODES if node not in unheard}
        probes = [one for place, good in found for one in results(good, place)]
        orders = dict.fromkeys(ordered[number], ORDER)
        state = step(state, probes, now, lag_seconds=lag, heard_at=dict(heard_at), orders=orders)
        for pool in POOLS:
            standings = state.plan[RELAY[pool]]
            assert len(NODES) - len(out(state, pool)) >= floor(len(NODES), 50)
            assert all(standings[node].healthy is False or node in orders for node in out(state, pool))
            if state.doubt is None and any(one.in_service and not one.healthy for one in standings.values()):
                assert not any(one.healthy and not one.in_service for one in standings.values())
