"""What health checkers are told of nodes: as decided, held for a moment, and nothing new in doubt."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.decide import GroupKey, Standing, floor
from failover.views import (
    REGAIN_SECONDS,
    SETTLE_SECONDS,
    View,
    Views,
    cut_off_from,
    next_view,
    serving,
)

NODES = ("east-1", "east-2", "west-1", "west-2")
SITES = {node: node.partition("-")[0] for node in NODES} | {"witness-1": "north"}
ALL = frozenset(NODES)
NOBODY: frozenset[str] = frozenset()
Plan = dict[GroupKey, dict[str, Standing]]


def plan(**out: str) -> Plan:
    """Entries of each pool, with the nodes (in one text) that are out of service in it."""
    return {
        GroupKey("entry", pool): {node: Standing(node not in nodes.split()) for node in NODES}
        for pool, nodes in out.items()
    }


def test_a_node_serves_when_its_every_entry_is_in_service() -> None:
    assert serving(plan(orders="", offers=""), 50) == ALL
    assert serving(plan(orders="east-1", offers=""), 50) == ALL - {"east-1"}
    assert serving(plan(orders="east-1", offers="west-2"), 50) == {"east-2", "west-1"}


def test_instances_behind_front_doors_do_not_count() -> None:
    relay = {GroupKey("relay", "orders"): dict.fromkeys(NODES, Standing(in_service=False))}
    assert serving(plan(orders="") | relay, 50) == ALL


def test_entries_missing_here_and_there_do_not_empty_a_pool() -> None:
    """Each pool has its half, but no two nodes have both."""
    found = serving(plan(orders="east-1 east-2", offers="west-1 west-2"), 50)
    assert found == ALL
    found = serving(plan(orders="east-1 east-2", offers="west-1", bills="west-1"), 50)
    assert found == {"west-1", "west-2", *found}
    assert "east-1" not in serving(plan(orders="east-1", offers="west-2", bills="east-1"), 25)


standings = st.fixed_dictionaries({node: st.booleans() for node in NODES})


@given(st.dictionaries(st.sampled_from(["", "orders", "offers"]), standings, min_size=1), st.integers(1, 100))
def test_every_pool_keeps_its_floor_as_far_as_it_has_entries(
    pools: Mapping[str, Mapping[str, bool]], percent: int
) -> None:
    groups = {
        GroupKey("entry", pool): {node: Standing(here) for node, here in members.items()}
        for pool, members in pools.items()
    }
    found = serving(groups, percent)
    for members in groups.values():
        working = {node for node, one in members.items() if one.in_service}
        assert len(found & working) >= min(len(working), floor(len(members), percent))
    for node in found:
        assert any(members[node].in_service for members in groups.values())
    whole = {node for node in NODES if all(members[node].in_service for members in groups.values())}
    assert whole <= found


@pytest.mark.parametrize(
    ("silent", "lost"),
    [
        ("", ""),
        ("west-1 west-2", ""),
        ("west-1 witness-1", ""),
        ("west-1 west-2 witness-1", "west-1 west-2 witness-1"),
        ("east-2 west-1 west-2 witness-1", "west-1 west-2 witness-1"),
    ],
)
def test_a_site_alone_in_the_world_has_lost_the_others_by_its_own_fault(silent: str, lost: str) -> None:
    assert cut_off_from("east-1", SITES, frozenset(silent.split())) == frozenset(lost.split())


def test_one_silent_site_of_two_may_as_well_be_dead() -> None:
    sites = {node: SITES[node] for node in NODES}
    assert cut_off_from("east-1", sites, frozenset({"west-1", "west-2"})) == NOBODY


@given(st.sampled_from([None, *View]), st.booleans(), st.booleans())
def test_a_node_comes_in_only_when_it_was_seen_to_work(
    before: View | None, serves: bool, proven: bool
) -> None:
    after = next_view(before, serves, proven)
    if after is View.IN and before is not View.IN:
        assert serves
        assert proven
    assert (after is View.OUT) == (not serves or (before is View.OUT and not proven))


class Watched:
    """Views of all nodes but east-1, looked at when the test says so."""

    def __init__(self, known: View | None = View.IN) -> None:
        nodes = [node for node in NODES if node != "east-1"]
        self.views = Views(nodes, dict.fromkeys(NODES, known) if known else {})
        self.now = 100.0
        self.proven = ALL

    def look(self, out: str = "", after: float = 0.0, lost: str = "") -> tuple[str, ...]:
        self.now += after
        serves = ALL - frozenset(out.split())
        return self.views.look(serves, self.proven.__contains__, frozenset(lost.split()), self.now)


def test_nobody_vouches_for_himself() -> None:
    assert set(Watched().views.told) == {"east-2", "west-1", "west-2"}


def test_what_has_held_for_a_moment_is_told() -> None:
    watched = Watched()
    assert watched.look("west-1") == ()
    assert watched.look("west-1", after=SETTLE_SECONDS / 2) == ()
    assert watched.look("west-1", after=SETTLE_SECONDS / 2) == ("west-1",)
    assert watched.views.told["west-1"] is View.OUT
    assert watched.look("", after=1) == ()
    assert watched.look("", after=SETTLE_SECONDS) == ("west-1",)


def test_what_did_not_hold_begins_anew() -> None:
    watched = Watched()
    watched.look("west-1")
    watched.look("", after=SETTLE_SECONDS / 2)
    assert watched.look("west-1", after=SETTLE_SECONDS) == ()
    assert watched.look("west-1", after=SETTLE_SECONDS) == ("west-1",)


def test_an_observer_in_doubt_begins_anew_after_it() -> None:
    watched = Watched()
    watched.look("west-1")
    watched.views.doubt()
    assert watched.look("west-1", after=SETTLE_SECONDS) == ()
    assert watched.look("west-1", after=SETTLE_SECONDS) == ("west-1",)


def test_a_site_cut_off_tells_of_its_own_nodes_only_and_of_others_when_it_can_judge_again() -> None:
    watched = Watched()
    lost = "west-1 west-2 witness-1"
    out = "east-2 west-1 west-2"
    watched.look(out)
    assert watched.look(out, after=SETTLE_SECONDS / 2, lost=lost) == ()
    assert watched.look(out, after=SETTLE_SECONDS, lost=lost) == ("east-2",)
    assert watched.look(out, after=3600, lost=lost) == ()
    assert watched.look(out, after=REGAIN_SECONDS / 2) == ()
    assert watched.look("east-2", after=1) == ()
    assert watched.views.told == {"east-2": View.OUT, "west-1": View.IN, "west-2": View.IN}
    watched.look("east-2 west-1", after=REGAIN_SECONDS)
    assert watched.look("east-2 west-1", after=SETTLE_SECONDS) == ("west-1",)


def test_a_new_observer_vouches_for_those_only_whom_it_saw_work() -> None:
    watched = Watched(known=None)
    watched.proven = frozenset({"west-1"})
    watched.look("west-2")
    assert watched.look("west-2", after=SETTLE_SECONDS) == ("west-1", "west-2")
    assert watched.views.told == {"west-1": View.IN, "west-2": View.OUT}


def test_a_restarted_observer_brings_nothing_dead_back() -> None:
    watched = Watched(known=View.OUT)
    watched.proven = NOBODY
    watched.look()
    assert watched.look(after=3600) == ()
    assert set(watched.views.told.values()) == {View.OUT}
