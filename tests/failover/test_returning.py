"""Coming back: held down when it flaps, slowly when it may, over restarts too; and people's overrides."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from failover.decide import (
    Decision,
    Fault,
    HoldDown,
    Kind,
    Override,
    Policy,
    Result,
    SlowReturn,
    Snapshot,
    decide,
)
from failover.decide.holddown import hold_seconds, most_level
from failover.decide.model import Check, Standing, Target
from failover.errors import ConfigError
from failover.memory import MOST_AGE_SECONDS, Memory, parse_memory, render_memory
from tests.failover.test_decide import NODES, POLICY, RELAY, START

RULES = HoldDown(base_seconds=10, most_seconds=60, window_seconds=100, budget=2)
HOLDING = replace(POLICY, hold_down=RULES)
SLOW = replace(POLICY, slow_return=SlowReturn((10, 50), 1.0))
OVERRIDE_IN = Override("in", "kept in service by ada")
OVERRIDE_OUT = Override("out", "put out of service by ada")


class Fleet:
    """Four nodes whose probes all say what the test wants; `orders` alone are failing or well."""

    def __init__(self, policy: Policy, decision: Decision = START) -> None:
        self.policy, self.decision, self.now = policy, decision, 1000.0
        self.overrides: dict[str, Override] = {}
        self.orders: dict[str, str] = {}

    def step(self, found: Iterable[Result] = (), seconds: float = 0.1) -> Decision:
        self.now += seconds
        before = self.decision
        self.decision = decide(
            Snapshot(
                results=tuple(found),
                heard_at=dict.fromkeys(NODES, self.now),
                health=before.health,
                plan=before.plan,
                silent=before.silent,
                overrides=self.overrides,
                heeded_overrides=before.heeded_overrides,
                orders=self.orders,
                heeded_orders=before.heeded_orders,
                due=before.due,
            ),
            self.policy,
            self.now,
        )
        return self.decision

    def fail(self, *nodes: str, fault: Fault = Fault.HANG) -> None:
        for _ in range(2):
            self.step(Result(Target(node, "orders", Check.NOOP), False, "no reply", fault) for node in nodes)

    def mend(self, *nodes: str) -> None:
        for _ in range(3):
            self.step(Result(Target(node, "orders", Check.NOOP), True) for node in nodes)

    def wait(self, seconds: float) -> None:
        self.step(seconds=seconds)

    def standing(self, node: str = "b") -> Standing:
        return self.decision.plan[RELAY["orders"]][node]

    def out(self) -> set[str]:
        return {node for node in NODES if not self.standing(node).in_service}


def test_a_first_failure_is_forgiven_at_once() -> None:
    fleet = Fleet(HOLDING)
    fleet.fail("b")
    fleet.mend("b")
    assert fleet.out() == set()


def test_each_failure_soon_after_a_return_doubles_the_time_out_up_to_a_bound() -> None:
    fleet = Fleet(HOLDING)
    held = []
    for _ in range(6):
        fleet.fail("b")
        fleet.mend("b")
        began = fleet.now
        while fleet.out():
            fleet.wait(0.5)
        held.append(round(fleet.now - began))
    assert held == [0, 10, 20, 40, 60, 60]
    assert most_level(RULES) == 4
    assert hold_seconds(most_level(RULES) + 3, RULES) == 60


def test_one_held_down_says_so_and_comes_back_by_time_alone() -> None:
    fleet = Fleet(HOLDING)
    for _ in range(2):
        fleet.fail("b")
        fleet.mend("b")
    standing = fleet.standing()
    assert (standing.in_service, standing.healthy) == (False, True)
    assert standing.reason == "healthy, but it failed once soon after a return and has to be well for 10 s"
    fleet.wait(9)
    assert fleet.out() == {"b"}
    fleet.wait(1.5)
    assert fleet.out() == set()


def test_a_failure_while_held_down_begins_the_time_anew() -> None:
    fleet = Fleet(HOLDING)
    for _ in range(2):
        fleet.fail("b")
        fleet.mend("b")
    fleet.wait(9)
    fleet.fail("b")
    fleet.mend("b")
    fleet.wait(9)
    assert fleet.out() == {"b"}
    assert fleet.standing().level == 1


def test_good_service_makes_up_for_failures() -> None:
    fleet = Fleet(HOLDING)
    for _ in range(3):
        fleet.fail("b")
        fleet.mend("b")
        fleet.wait(61)
    assert fleet.standing().level == 2
    fleet.wait(250)
    fleet.fail("b")
    assert fleet.standing().level == 0


def test_a_group_takes_back_only_so_many_flappers_within_a_window() -> None:
    fleet = Fleet(replace(HOLDING, floor_percent=25))
    for _ in range(2):
        fleet.fail("a", "b", "c")
        fleet.mend("a", "b", "c")
    assert fleet.out() == {"a", "b", "c"}
    fleet.wait(11)
    assert fleet.out() == {"c"}
    assert fleet.standing("c").reason == "healthy, but the group has had 2 such returns within 100 s"
    fleet.wait(101)
    assert fleet.out() == set()


def test_the_floor_calls_back_one_that_is_held_down() -> None:
    fleet = Fleet(HOLDING)
    for _ in range(2):
        fleet.fail("b")
        fleet.mend("b")
    assert fleet.out() == {"b"}
    fleet.fail("c", "d")
    assert fleet.out() == {"c", "d"}


def test_a_member_that_comes_back_gets_its_weight_in_steps() -> None:
    fleet = Fleet(SLOW)
    fleet.fail("b")
    fleet.mend("b")
    assert fleet.standing().weight_percent == 10
    assert fleet.decision.changes[0].reason == (
        "The orders instance on b goes back into service: healthy, with 10 % of its weight at first."
    )
    assert fleet.decision.plan_changed
    seen = []
    for _ in range(5):
        fleet.wait(0.5)
        seen.append(fleet.standing().weight_percent)
        assert fleet.decision.plan_changed == (bool(fleet.decision.changes))
    assert seen == [10, 50, 50, 100, 100]


def test_nobody_starts_with_less_than_the_whole_weight() -> None:
    fleet = Fleet(SLOW)
    fleet.mend(*NODES)
    assert {fleet.standing(node).weight_percent for node in NODES} == {100}


def test_one_that_failed_on_its_way_back_begins_again() -> None:
    fleet = Fleet(SLOW)
    fleet.fail("b")
    fleet.mend("b")
    fleet.wait(1.2)
    assert fleet.standing().weight_percent == 50
    fleet.fail("b")
    assert fleet.standing().weight_percent == 0
    fleet.mend("b")
    assert fleet.standing().weight_percent == 10


def test_a_slow_one_makes_room_for_a_dead_one() -> None:
    fleet = Fleet(POLICY)
    fleet.fail("a", "b", fault=Fault.SLOW)
    fleet.fail("c", "d", fault=Fault.CRASH)
    assert fleet.out() == {"c", "d"}
    assert [one.kind for one in fleet.decision.changes] == [Kind.UP, Kind.UP, Kind.DOWN, Kind.DOWN]
    assert fleet.standing("a").reason == "SMTP probe: no reply, but kept because too few would be left"


def test_a_fault_that_gets_worse_moves_up() -> None:
    fleet = Fleet(POLICY)
    fleet.fail("a", "b", "c", fault=Fault.GRAY)
    assert fleet.out() == {"a", "b"}
    fleet.step([Result(Target("c", "orders", Check.NOOP), False, "refused", Fault.CRASH)])
    assert fleet.out() == {"a", "c"}
    assert fleet.standing("c").fault is Fault.CRASH


def test_an_override_in_serves_however_it_looks_and_ends_with_its_time() -> None:
    fleet = Fleet(POLICY)
    fleet.overrides = {"b": OVERRIDE_IN}
    fleet.fail("b")
    assert fleet.out() == set()
    assert fleet.standing().reason == "kept in service by ada, although SMTP probe: no reply"
    fleet.overrides = {}
    fleet.step()
    assert fleet.out() == {"b"}


def test_an_override_out_leaves_before_the_failing_but_never_below_the_floor() -> None:
    fleet = Fleet(POLICY)
    fleet.fail("c", "d")
    fleet.overrides = dict.fromkeys(("a", "b"), OVERRIDE_OUT)
    fleet.step()
    assert fleet.out() == {"a", "b"}
    fleet.overrides = {}
    fleet.step()
    assert fleet.out() == {"c", "d"}


def flapped() -> Fleet:
    fleet = Fleet(HOLDING)
    for _ in range(2):
        fleet.fail("b")
        fleet.mend("b")
    fleet.fail("c", fault=Fault.CRASH)
    return fleet


def test_what_is_remembered_survives_a_restart() -> None:
    fleet = flapped()
    text = render_memory(fleet.decision, fleet.now, wall=50_000.0)
    found = parse_memory(text, HOLDING, now=7.0, wall=50_004.0)
    again = Fleet(HOLDING, Decision(found.health, found.plan, frozenset(), ()))
    again.now = 7.0
    again.step()
    assert again.out() == {"b", "c"}
    assert again.standing("b").level == 1
    assert again.standing("c").fault is Fault.CRASH
    again.wait(11)
    again.mend("c")
    assert again.out() == set()


@pytest.mark.parametrize(
    ("change", "wall", "said"),
    [
        ({}, 50_001.0 + MOST_AGE_SECONDS, "s old"),
        ({}, 49_000.0, "s old"),
        ({"version": 2}, 50_000.0, "another version"),
        ({"saved_at": "now"}, 50_000.0, "saved_at: expected a number"),
        ({"members": [{"kind": "door"}]}, 50_000.0, r"members\[0\]"),
        ({"checks": [{"node": "b"}]}, 50_000.0, r"checks\[0\]"),
        ({"more": 1}, 50_000.0, "more: no such key"),
    ],
)
def test_a_memory_that_is_malformed_or_stale_is_refused(
    change: dict[str, object], wall: float, said: str
) -> None:
    fleet = flapped()
    value = json.loads(render_memory(fleet.decision, fleet.now, wall=50_000.0)) | change
    with pytest.raises(ConfigError, match=said):
        parse_memory(json.dumps(value), HOLDING, now=7.0, wall=wall)


def test_nodes_that_are_gone_from_the_configuration_are_forgotten() -> None:
    fleet = flapped()
    other = replace(HOLDING, groups=(replace(HOLDING.groups[1], members={"a": (), "c": ()}),))
    text = render_memory(fleet.decision, fleet.now, 50_000.0)
    found = parse_memory(text, other, now=7.0, wall=50_000.0)
    assert {node for group in found.plan.values() for node in group} == {"c"}


def test_the_memory_file_is_replaced_as_a_whole_and_its_loss_is_no_harm(tmp_path: Path) -> None:
    file, fleet = tmp_path / "state.json", flapped()
    memory = Memory(file, lambda: 50_000.0)
    assert memory.load(HOLDING, 1.0).plan == {}
    memory.save(fleet.decision, fleet.now)
    assert not file.exists()
    memory.note()
    memory.save(fleet.decision, fleet.now)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert memory.load(HOLDING, 1.0).plan[RELAY["orders"]].keys() == {"b", "c"}
    memory.note()
    memory.save(START, fleet.now + 0.5)
    assert memory.load(HOLDING, 1.0).plan
    memory.save(START, fleet.now + 1.5)
    assert not memory.load(HOLDING, 1.0).plan
    file.write_bytes(b"\xff{")
    with pytest.raises(ConfigError, match=r"state\.json"):
        memory.load(HOLDING, 1.0)
    Memory(tmp_path / "no" / "such" / "place", lambda: 0.0).save(START, 0.0, at_once=True)
    assert Memory(None, lambda: 0.0).load(HOLDING, 1.0).plan == {}
