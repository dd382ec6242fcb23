"""What nodes say of themselves, and what comes of it in the decision."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from failover.decide import (
    Ailment,
    Capacity,
    Check,
    Decision,
    Fault,
    Group,
    GroupKey,
    Policy,
    QueueFigures,
    Result,
    Snapshot,
    Target,
    Threshold,
    VitalLimits,
    Vitals,
    decide,
)
from failover.decide.vitals import complaints

NODES = ("a", "b", "c", "d")
POOLS = ("orders", "news")
LIMITS = VitalLimits(5, 300, 1000, 95, 100)
RELAY = {pool: GroupKey("relay", pool) for pool in POOLS}
ENTRY = GroupKey("entry", "orders")
POLICY = Policy(
    observer="o",
    groups=(
        *(
            Group(key, {node: (Target(node, pool, Check.NOOP),) for node in NODES})
            for pool, key in RELAY.items()
        ),
        Group(ENTRY, {node: (Target(node, "orders", Check.ENTRY),) for node in NODES}),
    ),
    thresholds={Check.NOOP: Threshold(2, 2), Check.ENTRY: Threshold(2, 2)},
    silence_seconds=0.4,
    floor_percent=25,
    most_lag_seconds=0.1,
    vital_limits=LIMITS,
)
FINE = Vitals(60, 5, 0, 9_000_000, {pool: QueueFigures(3, 0) for pool in POOLS})
FULL = FINE._replace(disk_free_percent=4)
BUSY = FINE._replace(cpu_pressure_percent=98)
START = Decision({}, {}, frozenset(), ())


def stuck(seconds: int) -> Vitals:
    return FINE._replace(queues={"orders": QueueFigures(3, seconds), "news": QueueFigures(3, 0)})


class Story:
    """One observer that hears all nodes answer, and what they say of themselves."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy, self.now, self.decision = policy, 100.0, START

    def tell(self, *, silent: str = "", load: float | None = None, **said: Vitals) -> Decision:
        """The next cycle, in which nodes that are not named say that all is well."""
        return self.hear(said, silent, load)

    def hear(self, said: Mapping[str, Vitals], silent: str = "", load: float | None = None) -> Decision:
        """The same."""
        self.now += 1.0
        before = self.decision
        snapshot = Snapshot(
            heard_at={node: self.now - 9.0 * (node == silent) for node in (*NODES, "w")},
            health=before.health,
            plan=before.plan,
            silent=before.silent,
            vitals={node: said.get(node, FINE) for node in NODES},
            heeded_vitals=before.heeded_vitals,
            complaining=before.complaining,
            messages_per_hour={} if load is None else {"orders": load},
            due=before.due,
        )
        self.decision = decide(snapshot, self.policy, self.now)
        return self.decision

    def out(self, key: GroupKey) -> dict[str, str]:
        return {node: one.reason for node, one in self.decision.plan[key].items() if not one.in_service}


def test_a_full_disk_takes_all_instances_out_and_leaves_the_front_door() -> None:
    story = Story()
    changes = story.tell(a=FULL).changes
    why = {"a": "its spool has 4 % left, less than 5 %"}
    assert [story.out(key) for key in (RELAY["orders"], RELAY["news"], ENTRY)] == [why, why, {}]
    assert {one.fault for one in changes} == {Fault.GRAY}
    assert changes[0].reason.endswith("leaves service: its spool has 4 % left, less than 5 %.")


def test_a_figure_must_be_well_clear_of_its_limit_before_it_is_well_again() -> None:
    story = Story()
    seen = []
    for free in (5, 4, 5, 6, 4, 6, 7, 6):
        story.tell(a=FINE._replace(disk_free_percent=free))
        seen.append(bool(story.out(RELAY["orders"])))
    assert seen == [False, True, True, True, True, True, False, False]


def test_a_stuck_queue_takes_its_own_pool_out_alone() -> None:
    story = Story()
    story.tell(a=stuck(301))
    assert story.out(RELAY["orders"]).keys() == {"a"}
    assert "orders is stuck: a message has waited 301 s" in story.out(RELAY["orders"])["a"]
    assert story.out(RELAY["news"]) == {}


def test_what_most_nodes_suffer_from_takes_nobody_out() -> None:
    story = Story()
    story.tell(a=stuck(400), b=stuck(200), c=stuck(200))
    assert story.out(RELAY["orders"]) == {}, "the others are on their way to the same"
    story.tell(a=stuck(400), b=stuck(400))
    assert story.out(RELAY["orders"]).keys() == {"a", "b"}
    story.tell(a=stuck(400), b=stuck(400), c=stuck(400))
    assert story.out(RELAY["orders"]) == {}
    story.tell(a=stuck(400))
    assert story.out(RELAY["orders"]).keys() == {"a"}


def test_silent_nodes_have_no_say_in_what_is_common() -> None:
    story = Story()
    story.tell(silent="d", a=stuck(400), b=stuck(400))
    assert story.out(RELAY["orders"]).keys() == {"d"}


def test_a_full_disk_is_a_nodes_own_however_many_have_it() -> None:
    story = Story()
    story.tell(a=FULL, b=FULL, c=FULL)
    assert story.out(RELAY["orders"]).keys() == {"a", "b", "c"}


def test_overload_is_the_least_of_faults_and_concerns_the_front_door_too() -> None:
    story = Story()
    story.tell(a=BUSY)
    assert story.decision.plan[RELAY["news"]]["a"].fault is Fault.OVERLOAD
    assert story.out(ENTRY).keys() == {"a"}
    tight = Story(replace(POLICY, floor_percent=75))
    tight.tell(a=BUSY, b=FULL)
    assert tight.out(RELAY["orders"]).keys() == {"b"}


def test_a_way_out_that_is_shut_makes_its_pool_gray_there() -> None:
    story = Story()
    story.tell(b=FINE._replace(shut={"news": "192.0.2.7"}))
    assert story.out(RELAY["news"]) == {"b": "from 192.0.2.7 it reaches no mail exchanger"}
    assert story.out(RELAY["orders"]) == {}


def test_a_certificate_counts_once_it_has_expired() -> None:
    story = Story()
    story.tell(a=FINE._replace(certificate_seconds=60))
    assert story.out(RELAY["orders"]) == {}
    story.tell(a=FINE._replace(certificate_seconds=-60))
    assert story.out(RELAY["orders"]) == {"a": "its certificate has expired"}


def test_a_node_that_says_no_more_stays_as_it_was_until_it_says_that_it_is_well() -> None:
    story = Story()
    story.tell(a=FULL)
    out = story.out(RELAY["orders"])
    assert set(out) == {"a"}
    story.tell(a=Vitals())
    assert story.out(RELAY["orders"]) == out
    story.tell(a=FINE)
    assert story.out(RELAY["orders"]) == {}


def test_what_probes_see_and_what_it_says_are_told_together() -> None:
    story = Story()
    failure = Result(Target("a", "orders", Check.NOOP), False, "connection refused", Fault.CRASH)
    for _ in range(2):
        before = story.tell(a=FULL)
        snapshot = Snapshot(
            results=(failure, failure),
            heard_at=dict.fromkeys((*NODES, "w"), story.now),
            plan=before.plan,
            vitals=before.heeded_vitals,
            heeded_vitals=before.heeded_vitals,
            complaining=before.complaining,
        )
        found = decide(snapshot, POLICY, story.now).plan[RELAY["orders"]]["a"]
    assert found.reason == "SMTP probe: connection refused; its spool has 4 % left, less than 5 %"
    assert found.fault is Fault.CRASH


def test_the_present_load_decides_when_it_is_known_and_the_peak_when_not() -> None:
    capacity = {"orders": Capacity(dict.fromkeys(NODES, 1000), 3500)}
    story = Story(replace(POLICY, capacity=capacity))
    story.tell(a=FULL)
    assert story.out(RELAY["orders"]) == {}, "by the peak the others could not carry it all"
    story.tell(a=FULL, load=2000.0)
    assert story.out(RELAY["orders"]).keys() == {"a"}


figures = st.builds(
    Vitals,
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 500),
    st.none() | st.integers(-100, 100),
    st.fixed_dictionaries(
        {},
        optional={pool: st.builds(QueueFigures, st.integers(0, 2000), st.integers(0, 900)) for pool in POOLS},
    ),
    st.dictionaries(st.sampled_from(POOLS), st.just("192.0.2.7")),
)


@given(st.lists(st.dictionaries(st.sampled_from(NODES), figures), min_size=1, max_size=6))
def test_whatever_nodes_say_floors_hold_and_a_fresh_look_agrees(told: list[dict[str, Vitals]]) -> None:
    story = Story()
    for said in told:
        story.hear(said)
        for key in (*RELAY.values(), ENTRY):
            assert len(story.out(key)) <= 3
    story.tell()
    story.tell()
    assert not any(story.out(key) for key in (*RELAY.values(), ENTRY)), "all say that they are well"


@given(figures)
def test_a_complaint_of_each_kind_is_made_once(one: Vitals) -> None:
    found = complaints(one, LIMITS, ())
    assert len({(each.ailment, each.pool) for each in found}) == len(found)
    assert complaints(one, LIMITS, found) == found
    assert (Ailment.CERTIFICATE in {each.ailment for each in found}) == (
        one.certificate_seconds is not None and one.certificate_seconds <= 0
    )
