"""The whole decision: caps always, waits never, and the stories the fleet has to get right."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.brain.decide import decide
from delivery.brain.events import EventKind
from delivery.brain.ladder import messages_per_hour_cap
from delivery.brain.model import Listing, Memory
from delivery.brain.observe import Address, Waiting, World, observe
from delivery.brain.overflow import MessageClass
from delivery.brain.plan import Row
from delivery.brain.rests import Service
from delivery.brain.tallies import Tallies
from delivery.model import Action, Category, Outcome, Path, Scope
from fleet.catalogue import Stage
from tests.delivery.acts import DAY, HOUR, MINUTE, NOON, meaning
from tests.delivery.fleet_of_pools import ADDRESSES, POLICY, Fleet, send_what_is_allowed

RATE = meaning(Category.RATE, Action.SLOW_DOWN)
BLOCK = meaning(Category.BLOCK, Action.OTHER_ADDRESS, Action.RUNBOOK, rule="google/block", runbook="r")
ALL = [one.address for one in ADDRESSES]
SPAMHAUS = Listing("zen.spamhaus.org", major=True)


def within_caps(row: Row) -> bool:
    limits = POLICY.isp(row.isp).limits_at(row.standing)
    return (
        row.messages_per_hour <= messages_per_hour_cap(limits) and row.connections <= limits.connections.value
    )


ACTS = st.lists(
    st.tuples(
        st.floats(1, 30 * HOUR),
        st.sampled_from(ALL),
        st.sampled_from(["google", "yahoo", "orange"]),
        st.sampled_from([Outcome.DELIVERED, Outcome.DEFERRED, Outcome.BOUNCED]),
        st.sampled_from(Category),
        st.sampled_from(Scope),
        st.sampled_from([(Action.RETRY,), (Action.SLOW_DOWN,), (Action.SUSPEND,), (Action.RUNBOOK,)]),
        st.integers(1, 3000),
    ),
    max_size=25,
)


@settings(max_examples=40)
@given(ACTS, st.booleans(), st.integers(0, 3))
def test_no_history_takes_a_path_above_its_caps(acts: list, new: bool, listed: int) -> None:  # type: ignore[type-arg]
    addresses = tuple(
        replace(
            one,
            age_days=None if new and number % 2 else 400.0,
            listings=(SPAMHAUS,) if number < listed else (),
        )
        for number, one in enumerate(ADDRESSES)
    )
    fleet = Fleet(addresses, ("google", "yahoo", "orange"))
    for seconds, address, isp, outcome, category, scope, actions, times in acts:
        fleet.now += seconds
        said = None if outcome is Outcome.DELIVERED else meaning(category, *actions, scope=scope)
        fleet.feed(outcome, times, said, address=address, isp=isp)
        decision = fleet.decide()
        assert len(decision.plan.rows) == len(addresses) * 3
        for row in decision.plan.rows:
            assert within_caps(row)
            assert 0 <= row.score <= 100
            assert row.reason
            assert row.since <= fleet.now
            assert (row.messages_per_hour == 0) == (row.suspended_until is not None)
            assert row.suspended_until is None or row.suspended_until > fleet.now
            assert row.day_left is None or row.day_left >= 0
            assert not (row.day_left == 0 and row.messages_per_hour)
            if row.service is Service.RESTING:
                assert row.suspended_until is not None
            if row.standing is not Stage.ESTABLISHED:
                assert decision.plan.warm_capacity["marketing"][row.isp] >= 0
        assert all(event.sentence for event in decision.events)


@settings(max_examples=30)
@given(ACTS)
def test_waits_change_no_decision(acts: list) -> None:  # type: ignore[type-arg]
    with_waits, without = Fleet(), Fleet()
    for seconds, address, _isp, outcome, category, scope, actions, times in acts:
        said = None if outcome is Outcome.DELIVERED else meaning(category, *actions, scope=scope)
        for fleet in (with_waits, without):
            fleet.now += seconds
            fleet.feed(outcome, times, said, address=address)
        with_waits.feed(Outcome.WAITED, 5000, address=address)
        assert with_waits.decide() == without.decide()


def test_the_same_snapshot_gives_the_same_decision() -> None:
    fleet = Fleet()
    fleet.feed(Outcome.DEFERRED, 50, RATE)
    snapshot = observe(fleet.tallies, World(ADDRESSES), Memory(), POLICY, fleet.now, ["google"])
    assert decide(snapshot, POLICY, fleet.now) == decide(snapshot, POLICY, fleet.now)


def test_an_isp_throttles_one_address_and_only_that_slows_down() -> None:
    fleet = Fleet()
    fleet.run(12 * HOUR, HOUR, send_what_is_allowed(HOUR, ALL))
    before = {address: fleet.row(address).messages_per_hour for address in ALL}
    fleet.now += 3 * MINUTE
    for _ in range(4):
        fleet.now += MINUTE
        fleet.feed(Outcome.DEFERRED, 100, RATE)
        fleet.feed(Outcome.DELIVERED, 20)
        fleet.decide()
    after = {address: fleet.row(address).messages_per_hour for address in ALL}
    assert after["192.0.2.1"] <= before["192.0.2.1"] / 8
    assert {address: after[address] for address in ALL[1:]} == {
        address: before[address] for address in ALL[1:]
    }
    assert fleet.row().stage >= 1
    assert "refused for pace or reputation" in fleet.row().reason
    assert [fleet.row(address).stage for address in ALL[1:]] == [0, 0, 0]


def test_it_recovers_when_the_isp_calms_down() -> None:
    fleet = Fleet()
    fleet.run(12 * HOUR, HOUR, send_what_is_allowed(HOUR, ALL))
    top = fleet.row().messages_per_hour
    fleet.now += 3 * MINUTE
    fleet.feed(Outcome.DEFERRED, 200, RATE)
    fleet.decide()
    assert fleet.row().messages_per_hour <= top / 2
    fleet.run(2 * DAY, HOUR, send_what_is_allowed(HOUR, ALL))
    assert fleet.row().messages_per_hour >= top
    assert fleet.row().stage == 0


def test_a_blocked_path_is_out_at_once_and_comes_back_on_probation() -> None:
    fleet = Fleet(isps=("google", "yahoo"))
    fleet.run(12 * HOUR, HOUR, send_what_is_allowed(HOUR, ALL))
    fleet.now += 3 * MINUTE
    fleet.feed(Outcome.DEFERRED, 30, BLOCK)
    fleet.now += 1
    fleet.decide()
    assert fleet.row().service is Service.RESTING
    assert fleet.row().suspended_until == fleet.now + POLICY.rules.reputation.rest_seconds
    assert "blocked: 30 of the last 30 attempts" in fleet.row().reason
    assert fleet.row(isp="yahoo").service is Service.ACTIVE
    assert fleet.told(EventKind.RUNBOOK) == []
    fleet.run(4 * DAY, HOUR, send_what_is_allowed(HOUR, ALL))
    assert fleet.row().service is Service.PROBATION
    assert fleet.row().standing is Stage.WARMING
    fleet.run(4 * DAY, HOUR, send_what_is_allowed(HOUR, ALL))
    assert fleet.row().service is Service.ACTIVE
    assert fleet.row().standing is Stage.ESTABLISHED


def test_stage_four_names_its_runbook() -> None:
    fleet = Fleet()
    fleet.feed(Outcome.DEFERRED, 90, RATE)
    fleet.now += 1
    fleet.decide()
    assert fleet.row().stage == 4
    assert MessageClass.MARKETING not in fleet.row().carries
    assert fleet.told(EventKind.RUNBOOK) == [
        "192.0.2.1 at google: follow the runbook isp-blocks-us: 90 of 90 attempts were refused"
    ]


def test_a_listed_address_is_out_everywhere_even_below_the_floor() -> None:
    fleet = Fleet((Address("192.0.2.1", "marketing", 400.0), Address("192.0.2.2", "marketing", 400.0)))
    fleet.addresses = tuple(replace(one, listings=(SPAMHAUS,)) for one in fleet.addresses)
    fleet.decide()
    assert [row.service for row in fleet.decide().plan.rows] == [Service.RESTING] * 2
    assert "listed by zen.spamhaus.org" in fleet.row().reason


def test_a_list_that_names_everybody_is_not_believed_unless_receivers_agree() -> None:
    fleet = Fleet(tuple(replace(one, listings=(SPAMHAUS,)) for one in ADDRESSES))
    fleet.run(3 * HOUR, HOUR, send_what_is_allowed(HOUR, ALL))
    assert all(row.service is Service.ACTIVE for row in fleet.decide().plan.rows)
    assert len(fleet.told(EventKind.DOUBTED)) == 1
    fleet.feed(Outcome.DEFERRED, 1, BLOCK)
    fleet.decide()
    assert all(row.service is Service.RESTING for row in fleet.decide().plan.rows)


@pytest.mark.parametrize(
    ("scope", "suspended"),
    [
        (Scope.ADDRESS, {"192.0.2.1"}),
        (Scope.NETWORK, {"192.0.2.1", "192.0.2.2"}),
        (Scope.DOMAIN, {"192.0.2.1", "198.51.100.1"}),
        (Scope.RECIPIENT, set()),
    ],
)
def test_a_refusal_suspends_those_it_speaks_of(scope: Scope, suspended: set[str]) -> None:
    fleet = Fleet(
        (
            Address("192.0.2.1", "marketing", 400.0),
            Address("192.0.2.2", "transactional", 400.0),
            Address("198.51.100.1", "marketing", 400.0),
            Address("198.51.100.2", "transactional", 400.0),
        )
    )
    said = meaning(Category.REPUTATION, Action.SUSPEND, scope=scope, suspend_seconds=3600)
    fleet.feed(Outcome.DEFERRED, 1, said)
    fleet.now += 1
    fleet.decide()
    assert {row.address for row in fleet.decide().plan.rows if row.suspended_until} == suspended
    until = {row.suspended_until for row in fleet.decide().plan.rows if row.suspended_until}
    assert until <= {NOON + 3600}
    fleet.now = NOON + 3600
    fleet.decide()
    assert not any(row.suspended_until for row in fleet.decide().plan.rows)


def test_a_new_address_warms_up_by_its_schedule_and_never_exceeds_a_day() -> None:
    new = Address("192.0.2.1", "marketing")
    fleet = Fleet((new,), now=NOON - 12 * HOUR)
    fleet.decide()
    schedule = POLICY.schedule("google").stage_volumes
    sent, standings = [], []
    for _ in range(30):
        fleet.run(DAY - HOUR / 2, HOUR / 2, send_what_is_allowed(HOUR / 2, [new.address]))
        sent.append(fleet.tallies.of_path(Path(new.address, "google")).day(0, fleet.now - 1).attempts)
        standings.append(fleet.row().standing)
        fleet.now += HOUR / 2
        fleet.decide()
    assert all(count <= volume for count, volume in zip(sent, schedule, strict=False))
    assert fleet.row().standing is Stage.ESTABLISHED
    assert Stage.FRESH in standings
    assert len(fleet.told(EventKind.WARMED)) == len(schedule) - 1


def test_sudden_growth_is_held_and_an_emergency_may_double() -> None:
    fleet = Fleet(now=NOON - 12 * HOUR)
    fleet.decide()
    for _ in range(16):
        for address in ALL:
            fleet.feed(Outcome.DELIVERED, 10_000, address=address)
        fleet.decide()
        fleet.now += DAY
    fleet.decide()
    assert fleet.row().day_left == 13_000
    fleet.feed(Outcome.DELIVERED, 13_000)
    fleet.decide()
    assert fleet.row().day_left == 0
    assert fleet.row().suspended_until == fleet.now + DAY
    assert len(fleet.told(EventKind.GROWTH_HELD)) == 1
    fleet.emergencies = frozenset({"marketing"})
    fleet.decide()
    assert fleet.row().day_left == 7_000
    assert fleet.row("192.0.2.2").day_left == 20_000


def test_cold_addresses_count_for_nothing_in_the_warm_capacity() -> None:
    fleet = Fleet((Address("192.0.2.1", "marketing", 400.0), Address("192.0.2.2", "marketing")))
    fleet.decide()
    only_cold = Fleet((Address("192.0.2.2", "marketing"),))
    capacity = fleet.decide().plan.warm_capacity["marketing"]["google"]
    assert capacity == fleet.row().messages_per_hour * 24
    assert only_cold.decide().plan.warm_capacity["marketing"]["google"] == 0


def test_a_burnt_address_is_rebuilt_without_transactional_mail() -> None:
    fleet = Fleet(tuple(replace(one, pool="transactional") for one in ADDRESSES), now=NOON - 12 * HOUR)
    fleet.decide()
    for _ in range(2):
        fleet.feed(Outcome.DEFERRED, 30, BLOCK)
        fleet.now += 1
        fleet.decide()
        fleet.run(9 * DAY, 6 * HOUR)
    assert len(fleet.told(EventKind.BURNT)) == 1
    row = fleet.row()
    assert row.standing is Stage.FRESH
    assert MessageClass.TRANSACTIONAL not in row.carries
    assert MessageClass.TRANSACTIONAL in fleet.row("192.0.2.2").carries
    fleet.run(50 * DAY, 3 * HOUR, send_what_is_allowed(3 * HOUR, ALL))
    assert MessageClass.TRANSACTIONAL in fleet.row().carries
    assert len(fleet.told(EventKind.REBUILT)) == 1


def test_a_growing_queue_is_stage_two_and_halves_the_ceiling() -> None:
    fleet = Fleet()
    fleet.run(12 * HOUR, HOUR, send_what_is_allowed(HOUR, ALL))
    fleet.now += 2 * HOUR
    fleet.feed(Outcome.DEFERRED, 100, RATE)
    fleet.feed(Outcome.DELIVERED, 900)
    fleet.waiting = {Path("192.0.2.1", "google"): Waiting(900, 100)}
    fleet.decide()
    assert fleet.row().stage == 2
    steps = POLICY.steps("google")
    assert fleet.row().messages_per_hour <= steps[-1].messages_per_hour / 2


def test_an_unknown_isp_counts_as_any_other() -> None:
    fleet = Fleet(isps=("left-the-catalogue",))
    fleet.decide()
    row = fleet.row(isp="left-the-catalogue")
    assert row.messages_per_hour <= messages_per_hour_cap(POLICY.catalogue.default.limits.established)


def test_no_tallies_at_all_is_a_careful_start() -> None:
    snapshot = observe(Tallies(), World(ADDRESSES), Memory(), POLICY, NOON)
    for row in decide(snapshot, POLICY, NOON).plan.rows:
        assert row.messages_per_hour <= POLICY.steps(row.isp)[-1].messages_per_hour * 0.25
        assert row.reason.endswith("starts carefully")
