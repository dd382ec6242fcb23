"""What the steered zone should answer: never empty, only proven additions, nothing when all is well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.config import SteeredRecord
from failover.errors import ZoneError
from failover.zone import Answer, RecordChange, ZoneView, describe, first_answers, is_later, plan_changes

NODES = {"east-1": "192.0.2.1", "east-2": "192.0.2.2", "west-1": "192.0.2.3"}
RECORD = SteeredRecord("orders.submit.example", "orders", NODES)


def plan(before: set[str], in_service: set[str], proven: set[str], ttl: int = 5) -> tuple[RecordChange, ...]:
    view = ZoneView(7, {RECORD.name: Answer(frozenset(NODES[node] for node in before), ttl)})
    return plan_changes(
        [RECORD],
        view,
        5,
        in_service=lambda _, node: node in in_service,
        proven=lambda _, node: node in proven,
    )


def after(changes: tuple[RecordChange, ...]) -> set[str]:
    (change,) = changes
    return {node for node, address in NODES.items() if address in change.after.addresses}


def test_a_node_out_of_service_leaves_the_answer() -> None:
    assert after(plan(set(NODES), {"east-1", "west-1"}, set())) == {"east-1", "west-1"}


def test_an_answer_that_is_right_is_left_alone() -> None:
    assert plan(set(NODES), set(NODES), set()) == ()


def test_a_node_is_added_only_when_its_front_door_was_seen_to_work() -> None:
    assert plan({"east-1"}, set(NODES), set()) == ()
    assert after(plan({"east-1"}, set(NODES), {"west-1"})) == {"east-1", "west-1"}


def test_the_ttl_is_put_right() -> None:
    (change,) = plan(set(NODES), set(NODES), set(), ttl=3600)
    assert change.after == Answer(change.before.addresses, 5)


def test_an_address_that_belongs_to_no_node_is_removed() -> None:
    view = ZoneView(1, {RECORD.name: Answer(frozenset({*NODES.values(), "192.0.2.99"}), 5)})
    (change,) = plan_changes([RECORD], view, 5, lambda *_: True, lambda *_: True)
    assert change.after.addresses == frozenset(NODES.values())


def test_an_empty_answer_cannot_even_be_expressed() -> None:
    with pytest.raises(ZoneError, match="an empty answer is never written"):
        RecordChange("x.example", Answer(frozenset({"192.0.2.1"}), 5), Answer())


node_sets = st.sets(st.sampled_from(sorted(NODES)))


@given(node_sets, node_sets, node_sets)
def test_what_is_written_is_never_empty_and_never_repeats(
    before: set[str], in_service: set[str], proven: set[str]
) -> None:
    changes = plan(before, in_service, proven)
    for change in changes:
        assert change.after.addresses
    final = after(changes) if changes else before
    assert plan(final, in_service, proven) == ()
    if before:
        assert final
        assert final - before <= in_service & proven


def test_in_a_zone_never_written_only_names_without_answer_get_one_without_the_lease() -> None:
    nothing, east, west = (Answer(frozenset(one), 5) for one in ((), {"192.0.2.1"}, {"192.0.2.3"}))
    first, other = RecordChange("a.example", nothing, east), RecordChange("b.example", east, west)
    assert first_answers(ZoneView(1, {}), (first, other)) == (first,)
    assert first_answers(ZoneView(1, {}, epoch=3), (first, other)) == ()


def test_the_description_says_what_comes_and_goes() -> None:
    change = RecordChange(
        "a.example",
        Answer(frozenset({"192.0.2.1", "192.0.2.2"}), 5),
        Answer(frozenset({"192.0.2.1", "192.0.2.3"}), 5),
    )
    assert describe([change]) == "a.example without 192.0.2.2 and with 192.0.2.3"


def test_serials_are_compared_round_the_corner() -> None:
    assert is_later(2, 1)
    assert not is_later(1, 1)
    assert is_later(3, 2**32 - 2)
    assert not is_later(2**32 - 2, 3)
