"""The safety kernel by itself: who may leave, who is kept, and why."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from failover.decide import Capacity, Fault
from failover.decide.safety import Cause, Limits, Wish, floor, judge, most_ejected

NODES = ("a", "b", "c", "d")
SITES = {"a": "east", "b": "east", "c": "west", "d": "west"}
LIMITS = Limits(least_in_service=2, most_ejected=4)


def faulty(node: str, fault: Fault = Fault.HANG, *, was_in: bool = True, since: float = 0.0) -> Wish:
    return Wish(node, Cause.FAULT, "no reply", was_in, fault, since)


def ordered(node: str, cause: Cause = Cause.ORDER) -> Wish:
    return Wish(node, cause, "new disk", was_in=True)


def leaving(*wishes: Wish, limits: Limits = LIMITS) -> set[str]:
    return {node for node, kept in judge(NODES, wishes, limits).items() if kept is None}


def test_the_worst_leave_first_whoever_was_out_before() -> None:
    slow = [faulty(node, Fault.SLOW, was_in=False) for node in ("a", "b")]
    assert leaving(*slow, faulty("c", Fault.CRASH), faulty("d", Fault.GRAY)) == {"c", "d"}


def test_among_equals_those_that_are_out_stay_out_then_the_oldest_go() -> None:
    wishes = [faulty("a", since=1), faulty("b", since=3), faulty("c", since=2), faulty("d", was_in=False)]
    assert leaving(*wishes) == {"d", "a"}


def test_failures_come_before_orders_and_orders_before_those_held_down() -> None:
    hold = Wish("a", Cause.HOLD, "it flapped", was_in=False)
    assert leaving(hold, ordered("b"), faulty("c")) == {"b", "c"}
    assert leaving(hold, ordered("b"), faulty("c"), faulty("d")) == {"c", "d"}


def test_a_persons_override_comes_before_everything_but_the_floor() -> None:
    wishes = [ordered(node, Cause.OVERRIDE) for node in ("a", "b", "c")]
    assert leaving(*wishes, faulty("d", Fault.CRASH)) == {"a", "b"}
    assert leaving(wishes[0], limits=replace(LIMITS, doubt="it ran late")) == {"a"}


def test_doubt_takes_nobody_out_and_puts_nobody_back() -> None:
    limits = replace(LIMITS, doubt="it ran late")
    verdicts = judge(NODES, [faulty("a"), ordered("b"), faulty("c", was_in=False)], limits)
    assert verdicts == {"a": "because it ran late", "b": "because it ran late", "c": None}


def test_failures_take_out_no_more_than_their_share() -> None:
    limits = Limits(least_in_service=1, most_ejected=1)
    verdicts = judge(NODES, [faulty("a"), faulty("b"), ordered("c")], limits)
    assert verdicts["a"] is None
    assert verdicts["b"] == "because failures may take out no more than 1 at once"
    assert verdicts["c"] is None


def test_a_region_leaves_as_a_whole_only_when_it_may() -> None:
    wishes = [faulty("c"), faulty("d")]
    assert leaving(*wishes) == {"c", "d"}
    verdicts = judge(NODES, wishes, replace(LIMITS, sites=SITES))
    assert verdicts == {"c": None, "d": "because the region west may not be taken out as a whole"}
    assert leaving(faulty("a"), faulty("c"), limits=replace(LIMITS, sites=SITES)) == {"a", "c"}
    alone = judge(("c", "d"), [faulty("c")], Limits(1, 2, sites=SITES))
    assert alone == {"c": None}


def test_what_still_carries_mail_is_kept_while_the_others_could_not_carry_the_load() -> None:
    capacity = Capacity(dict.fromkeys(NODES, 1000), 3000)
    limits = replace(LIMITS, capacity=capacity, messages_per_hour=3000.0)
    verdicts = judge(NODES, [faulty("a", Fault.SLOW), ordered("b")], limits)
    assert verdicts == {
        "a": None,
        "b": "because the others carry 2000 messages an hour and 3000 are to be expected",
    }
    assert leaving(faulty("a", Fault.CRASH), faulty("b", Fault.CRASH), limits=limits) == {"a", "b"}
    assert leaving(faulty("a", Fault.SLOW), faulty("b", Fault.CRASH), limits=limits) == {"b"}


def test_a_persons_word_gives_way_to_the_floor_and_not_to_the_load() -> None:
    load = Limits(1, 4, capacity=Capacity(dict.fromkeys(NODES, 1000), 1), messages_per_hour=4000)
    assert judge(NODES, [Wish("a", Cause.OVERRIDE, "it corrupts mail", True)], load) == {"a": None}
    assert judge(NODES, [Wish("a", Cause.ORDER, "new disk", True)], load)["a"] is not None


def test_shares_round_towards_keeping_but_one_may_always_leave() -> None:
    assert [floor(members, 50) for members in (1, 2, 3, 4)] == [1, 1, 2, 2]
    assert [most_ejected(members, 50) for members in (1, 2, 3, 4)] == [1, 1, 1, 2]


wishes = st.lists(
    st.builds(
        Wish,
        node=st.sampled_from(NODES),
        cause=st.sampled_from(Cause),
        reason=st.just("why"),
        was_in=st.booleans(),
        fault=st.sampled_from(Fault),
        since=st.floats(0, 10),
    ),
    unique_by=lambda one: one.node,
)
limits = st.builds(
    Limits,
    least_in_service=st.integers(1, 4),
    most_ejected=st.integers(1, 4),
    doubt=st.sampled_from([None, "it ran late"]),
    sites=st.sampled_from([{}, SITES]),
    capacity=st.sampled_from([None, Capacity(dict.fromkeys(NODES, 1000), 1)]),
    messages_per_hour=st.floats(0, 5000),
)


@given(wishes, limits)
def test_no_wishes_whatever_cross_a_limit(wanted: list[Wish], within: Limits) -> None:
    verdicts = judge(NODES, wanted, within)
    gone = {node for node, kept in verdicts.items() if kept is None}
    by_node = {one.node: one for one in wanted}
    faults = [node for node in gone if by_node[node].cause is Cause.FAULT]
    assert verdicts.keys() == by_node.keys()
    assert len(NODES) - len(gone) >= within.least_in_service
    assert len(faults) <= within.most_ejected
    if within.doubt:
        assert not [one for node in gone if (one := by_node[node]).was_in and one.cause is not Cause.OVERRIDE]
    assert all(kept is None or kept.startswith("because ") for kept in verdicts.values())


@given(wishes, limits)
def test_the_order_in_which_wishes_come_means_nothing(wanted: list[Wish], within: Limits) -> None:
    assert judge(NODES, wanted, within) == judge(NODES, wanted[::-1], within)
