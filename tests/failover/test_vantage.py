"""What other vantage points say: who has to agree before a failing member leaves DNS or a region a group."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.decide import (
    Check,
    Decision,
    Fault,
    Group,
    GroupKey,
    Policy,
    Result,
    Snapshot,
    Standing,
    Statement,
    Target,
    Threshold,
    decide,
)
from failover.decide.vantage import named, statement_of, verdict

SITES = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "w": "c"}
NODES = ("a1", "a2", "b1", "b2")
ENTRY, RELAY = GroupKey("entry", "orders"), GroupKey("relay", "orders")
CHECKS = {ENTRY: Check.ENTRY, RELAY: Check.NOOP}
POLICY = Policy(
    observer="b1",
    groups=tuple(
        Group(key, {node: (Target(node, "orders", check),) for node in NODES})
        for key, check in CHECKS.items()
    ),
    thresholds=dict.fromkeys(CHECKS.values(), Threshold(fall=2, rise=2)),
    silence_seconds=0.4,
    floor_percent=25,
    most_lag_seconds=0.1,
    sites=SITES,
    vantages=SITES,
    witness_sites=frozenset({"c"}),
)
WELL = Statement()
A1_DOWN = Statement(frozenset({"a1"}))
OTHERS = ("a2", "b2", "w")


def says(**statements: Statement) -> dict[str, Statement]:
    """Everybody but the observer finds all well, unless told otherwise."""
    return dict.fromkeys(("a1", *OTHERS), WELL) | statements


class Observer:
    """b1's memory between cycles; `failing` are the targets whose probes fail."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.decision = Decision({}, {}, frozenset(), ())
        self.failing: set[tuple[str, Check]] = set()
        self.statements = says()
        self.self_reports: dict[str, frozenset[str]] = {}
        self.lag_seconds = 0.0
        self.now = 100.0

    def cycles(self, count: int = 3) -> "Observer":
        for _ in range(count):
            self.now += 0.1
            before = self.decision
            results = tuple(
                Result(
                    Target(node, "orders", check), (node, check) not in self.failing, "refused", Fault.CRASH
                )
                for node in NODES
                for check in CHECKS.values()
            )
            snapshot = Snapshot(
                results=results,
                heard_at=dict.fromkeys(SITES, self.now),
                health=before.health,
                plan=before.plan,
                silent=before.silent,
                self_reports=self.self_reports,
                heeded_reports=before.heeded_reports,
                lag_seconds=self.lag_seconds,
                doubted=before.doubt is not None,
                statements=self.statements,
                heeded_statements=before.heeded_statements,
                due=before.due,
            )
            self.decision = decide(snapshot, self.policy, self.now)
        return self

    def standing(self, node: str, key: GroupKey = ENTRY) -> Standing:
        return self.decision.plan[key][node]


def failing(node: str, *checks: Check) -> Observer:
    observer = Observer().cycles()
    observer.failing = {(node, check) for check in checks or CHECKS.values()}
    return observer


def test_an_address_that_one_site_finds_failing_stays() -> None:
    observer = failing("a1").cycles()
    one = observer.standing("a1")
    assert (one.in_service, one.healthy, one.found_failing, one.agreed) == (True, False, True, False)
    assert one.reason.endswith("but kept because a and c find it working"), one.reason


def test_its_instance_is_spared_at_once_all_the_same() -> None:
    assert not failing("a1").cycles().standing("a1", RELAY).in_service


@pytest.mark.parametrize(
    ("statements", "leaves"),
    [
        ({"b2": A1_DOWN}, False),  # all of one site
        ({"b2": A1_DOWN, "w": A1_DOWN}, True),
        ({"w": A1_DOWN}, True),  # half of its own site is enough
        ({"w": A1_DOWN, "a1": A1_DOWN}, True),
        ({}, False),
        ({"b2": A1_DOWN, "a2": A1_DOWN}, True),
        ({"a1": A1_DOWN, "b2": A1_DOWN}, True),  # who finds itself failing is believed
        ({"b2": Statement(frozenset({"a1 entry orders"})), "w": Statement(frozenset({"@a"}))}, True),
        ({"b2": A1_DOWN, "w": Statement(frozenset({"a1 relay orders"}))}, False),
        ({"b2": A1_DOWN, "w": Statement(frozenset({"a1"}), entries=False)}, False),  # it does not look there
    ],
)
def test_it_leaves_when_two_sites_find_it_failing_and_fewer_find_it_working(
    statements: dict[str, Statement], leaves: bool
) -> None:
    observer = failing("a1")
    observer.statements = says(**statements)
    assert observer.cycles().standing("a1").in_service != leaves


def test_the_witness_decides_a_tie() -> None:
    observer = failing("a1")
    observer.policy = replace(POLICY, vantages={**SITES, "d1": "d"}, sites={**SITES, "d1": "d"})
    observer.statements = says(a2=A1_DOWN, b2=A1_DOWN, d1=WELL)
    assert observer.cycles().standing("a1").in_service  # a and b against c, the witness, and d
    observer.statements = says(b2=A1_DOWN, w=A1_DOWN, d1=WELL)
    assert not observer.cycles().standing("a1").in_service


def test_others_take_out_what_answers_this_observer() -> None:
    """It stands behind the same wall as the observer: clients do not."""
    observer = Observer(replace(POLICY, observer="a2")).cycles()
    observer.statements = {"b1": A1_DOWN, "b2": A1_DOWN, "w": A1_DOWN}
    one = observer.cycles().standing("a1")
    assert (one.in_service, one.found_failing, one.fault) == (False, False, Fault.ONE_WAY)
    assert one.reason == "it fails for b and c"
    assert observer.standing("a1", RELAY).in_service
    observer.statements = {"b1": WELL, "b2": WELL, "w": WELL}
    assert observer.cycles().standing("a1").in_service


def test_who_is_out_stays_out_while_nobody_says_otherwise() -> None:
    observer = failing("a1")
    observer.statements = says(b2=A1_DOWN, w=A1_DOWN)
    assert not observer.cycles().standing("a1").in_service
    observer.statements = {}  # nobody else is heard for a while
    assert not observer.cycles().standing("a1").in_service
    observer.statements = says()
    assert observer.cycles().standing("a1").in_service


def test_a_daemon_that_complains_of_its_own_entry_is_not_enough() -> None:
    """Its probes may be at fault, and all daemons hear the same from it."""
    observer = Observer().cycles()
    observer.self_reports = {"a1": frozenset({"entry:orders", "orders"})}
    one = observer.cycles().standing("a1")
    assert (one.in_service, one.healthy, one.found_failing) == (True, False, False)
    assert not observer.standing("a1", RELAY).in_service  # what it says of Postfix is spared here at once
    assert statement_of(observer.decision.plan, POLICY).down == frozenset()


def out_by_others() -> Observer:
    """a1 answers its neighbour a2, who observes, and nobody else."""
    observer = Observer(replace(POLICY, observer="a2")).cycles()
    observer.statements = {"b1": A1_DOWN, "b2": A1_DOWN, "w": A1_DOWN}
    assert not observer.cycles().standing("a1").in_service
    return observer


def test_what_others_took_out_stays_out_while_one_of_them_pauses() -> None:
    observer = out_by_others()
    observer.statements = {"b1": A1_DOWN, "b2": A1_DOWN}
    assert not observer.cycles(10).standing("a1").in_service
    observer.statements = {"b1": WELL, "b2": WELL, "w": A1_DOWN}
    assert observer.cycles().standing("a1").in_service


def test_a_late_tick_brings_back_nothing_that_others_took_out() -> None:
    observer = out_by_others()
    level = observer.standing("a1").level
    observer.lag_seconds = 1.0
    assert not observer.cycles(1).standing("a1").in_service
    observer.lag_seconds = 0.0
    assert not observer.cycles(1).standing("a1").in_service
    assert observer.standing("a1").level == level


def test_a_region_leaves_a_group_only_when_its_loss_is_agreed() -> None:
    observer = Observer().cycles()
    observer.failing = {(node, Check.NOOP) for node in ("a1", "a2")}
    observer.statements = {"b2": WELL, "w": WELL}
    observer.cycles()
    serving = {node for node in NODES if observer.standing(node, RELAY).in_service}
    assert len(serving) == 3
    (kept,) = serving & {"a1", "a2"}
    assert "the region a may not be taken out as a whole" in observer.standing(kept, RELAY).reason
    observer.statements = {"b2": Statement(frozenset({"@a"})), "w": Statement(frozenset({"@a"}))}
    observer.cycles()
    assert {node for node in NODES if observer.standing(node, RELAY).in_service} == {"b1", "b2"}
    assert observer.standing("a1", RELAY).agreed


def test_an_observer_in_doubt_heeds_nobody() -> None:
    observer = Observer(replace(POLICY, most_lag_seconds=-1.0)).cycles()
    observer.statements = {"b2": A1_DOWN, "w": A1_DOWN, "a2": A1_DOWN}
    assert observer.cycles().standing("a1").in_service


def test_without_other_vantage_points_nobody_is_asked() -> None:
    observer = failing("a1")
    observer.policy = replace(POLICY, vantages={})
    observer.statements = {}
    assert not observer.cycles().standing("a1").in_service


def test_what_is_said_is_as_short_as_can_be() -> None:
    def said(*down: tuple[str, GroupKey]) -> frozenset[str]:
        plan = {key: {node: Standing(found_failing=(node, key) in down) for node in NODES} for key in CHECKS}
        return statement_of(plan, POLICY).down

    assert said() == frozenset()
    assert said(("a1", ENTRY)) == {"a1 entry orders"}
    assert said(("a1", ENTRY), ("a1", RELAY)) == {"a1"}
    both = [(node, key) for node in ("a1", "a2") for key in CHECKS]
    assert said(*both) == {"@a"}
    assert said(*both, ("b1", RELAY)) == {"@a", "b1 relay orders"}
    assert set(named([Statement(said(*both, ("b1", RELAY)))], POLICY)) == {"a1", "a2", "b1"}


DOWN = st.frozensets(st.sampled_from(["a1", "a2", "@a", "a1 entry orders", "b1", "@b", "@nowhere", "x"]))
SAYINGS = st.dictionaries(
    st.sampled_from([*OTHERS, "a1", "stranger"]), st.builds(Statement, DOWN, st.booleans())
)


@given(statements=SAYINGS, own=st.booleans())
def test_never_agreed_and_disputed_at_once_nor_by_one_site(
    statements: dict[str, Statement], own: bool
) -> None:
    for key in CHECKS:
        found = verdict(Snapshot(statements=statements), POLICY, key, "a1", own=own)
        assert not (found.agreed and found.disputed)
        assert len(found.failing) >= 2 or not found.agreed
        assert not set(found.failing) & set(found.working)
        assert found.objection


@given(statements=SAYINGS, more=st.sampled_from(OTHERS))
def test_one_more_voice_against_a_member_never_saves_it(statements: dict[str, Statement], more: str) -> None:
    before = verdict(Snapshot(statements=statements), POLICY, ENTRY, "a1", own=True)
    louder = {**statements, more: Statement(frozenset({"a1"}))}
    after = verdict(Snapshot(statements=louder), POLICY, ENTRY, "a1", own=True)
    assert after.agreed >= (before.agreed and more in statements)


def test_statements_mean_nothing_to_who_asks_nobody() -> None:
    observer = Observer(replace(POLICY, vantages={})).cycles()
    observer.statements = {"b2": A1_DOWN, "w": A1_DOWN}
    assert observer.cycles().standing("a1").healthy
