"""A path's pace: what may change it, how fast, and what never happens."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.brain.counts import NOTHING, Counts
from delivery.brain.events import EventKind
from delivery.brain.ladder import highest_within, ladder, messages_per_hour_cap
from delivery.brain.marks import Mark
from delivery.brain.rules import ThrottleRules
from delivery.brain.throttle import Felt, Frame, Pace, adjust, careful_start
from delivery.model import Category, Scope
from fleet.catalogue import Catalogue, Stage
from tests.delivery.acts import DAY, HOUR, NOON, clean, pressed

CATALOGUE = Catalogue.load()
RULES = ThrottleRules()
STEPS = ladder(CATALOGUE.isps["google"])
TOP = len(STEPS) - 1
FRAME = Frame("192.0.2.1 at google", STEPS, TOP, "reactive")
FULL = Pace(STEPS[TOP].messages_per_hour, TOP, lowered_at=NOON - DAY, raised_at=NOON - DAY)


def felt(since: Counts = NOTHING, hour: Counts = NOTHING, *marks: Mark, at: float = NOON) -> Felt:
    return Felt(since, hour, at, NOTHING, marks)


def mark(at: float, seconds: int = 600) -> Mark:
    return Mark(at, "google/rate-url", Category.RATE, Scope.ADDRESS, seconds)


@pytest.mark.parametrize("name", sorted(CATALOGUE.isps))
def test_ladders_are_transports_within_the_caps_of_each_standing(name: str) -> None:
    isp = CATALOGUE.isps[name]
    steps = ladder(isp)
    rates = [step.messages_per_hour for step in steps]
    assert rates == sorted(set(rates))
    assert 4 <= len(steps) <= 24
    for step in steps:
        assert step.pause_seconds == 0 or step.messages_per_hour == -(-3600 // step.pause_seconds)
    for stage in Stage:
        limits = isp.limits_at(stage)
        cap = messages_per_hour_cap(limits)
        number = highest_within(steps, cap, limits.connections.value)
        assert number is not None
        assert steps[number].messages_per_hour >= cap * 0.9
    top = isp.limits.established
    assert steps[-1].connections == top.connections.value
    assert steps[-1].messages_per_hour == messages_per_hour_cap(top)


def test_the_start_is_a_share_of_the_cap() -> None:
    start = careful_start(FRAME, RULES)
    assert STEPS[start.step].messages_per_hour <= 0.25 * STEPS[TOP].messages_per_hour
    assert start.step > 0


def test_pressure_halves_the_pace_at_once() -> None:
    pace, events = adjust(FULL, FRAME, felt(pressed(80, 20)), RULES, NOON)
    assert STEPS[pace.step].messages_per_hour <= STEPS[TOP].messages_per_hour / 2
    assert [event.kind for event in events] == [EventKind.LOWERED]
    assert "20 of 100 attempts were refused" in events[0].sentence
    assert events[0].evidence["pressure"] == 20


@pytest.mark.parametrize(
    "seen",
    [
        pressed(10, 2),  # too few refusals
        pressed(2, 3),  # too few attempts
        pressed(990, 10),  # within what is normal
        Counts(60, {Category.GREYLIST: 20, Category.MAILBOX_FULL: 20, Category.ISP_TROUBLE: 20}),
        Counts(0, {Category.NETWORK: 500}),
    ],
)
def test_noise_and_what_is_not_about_us_change_nothing(seen: Counts) -> None:
    assert adjust(FULL, FRAME, felt(seen), RULES, NOON) == (FULL, ())


def test_between_the_thresholds_nothing_moves() -> None:
    low = replace(FULL, step=3, allowance=STEPS[3].messages_per_hour)
    some = pressed(980, 20)
    assert adjust(low, FRAME, felt(some, some), RULES, NOON) == (low, ())


def test_what_changed_just_now_is_not_lost_among_what_was_before() -> None:
    seen = replace(felt(pressed(5000, 30)), recent=pressed(170, 30))
    pace, events = adjust(FULL, FRAME, seen, RULES, NOON)
    assert pace.step < FULL.step
    assert "30 of 200 attempts" in events[0].sentence


def test_a_tolerant_isp_is_given_more_room() -> None:
    seen = felt(pressed(95, 5))
    assert adjust(FULL, FRAME, seen, RULES, NOON)[1]
    assert not adjust(FULL, replace(FRAME, temperament="tolerant"), seen, RULES, NOON)[1]


def test_calm_hours_bring_it_back_slowly() -> None:
    pace, now, steps = replace(FULL, step=TOP - 2, allowance=STEPS[TOP - 2].messages_per_hour), NOON, 0
    while pace.step < TOP:
        pace, events = adjust(pace, FRAME, felt(NOTHING, clean(500), at=now), RULES, now)
        steps += 1
        now += HOUR
        assert all(event.kind is EventKind.RAISED for event in events)
        assert steps < 48
    assert steps >= 8, "additive: a twentieth of the cap an hour"


def test_a_rule_suspends_and_growing_so_when_it_repeats() -> None:
    pace, now, lengths = FULL, NOON, []
    for _ in range(12):
        pace, events = adjust(pace, FRAME, felt(NOTHING, NOTHING, mark(now)), RULES, now)
        assert events[0].kind is EventKind.SUSPENDED
        assert pace.suspended_until is not None
        lengths.append(pace.suspended_until - now)
        now = pace.suspended_until
        pace, events = adjust(pace, FRAME, felt(), RULES, now)
        assert events[0].kind is EventKind.RESUMED
        now += 30
    assert lengths[:4] == [600, 1200, 2400, 4800]
    assert lengths[-1] == RULES.longest_suspend_seconds
    assert pace.step == 0
    later = now + 2 * DAY
    pace, _ = adjust(pace, FRAME, felt(NOTHING, NOTHING, mark(later)), RULES, later)
    assert pace.suspended_until == later + 600


def test_replies_that_arrive_during_a_suspension_are_the_same_one() -> None:
    pace, _ = adjust(FULL, FRAME, felt(NOTHING, NOTHING, mark(NOON)), RULES, NOON)
    again, _ = adjust(pace, FRAME, felt(NOTHING, NOTHING, mark(NOON + 5)), RULES, NOON + 10)
    assert again.suspended_until == NOON + 605
    assert (again.suspensions, again.step) == (1, pace.step)
    same, events = adjust(again, FRAME, felt(NOTHING, NOTHING, mark(NOON + 5)), RULES, NOON + 11)
    assert (same, events) == (again, ())


def test_a_refusal_that_is_read_late_suspends_no_more_than_it_asked_for() -> None:
    pace, events = adjust(FULL, FRAME, felt(NOTHING, NOTHING, mark(NOON - HOUR)), RULES, NOON)
    assert not events
    assert pace.suspended_until is None
    assert pace.step == TOP


def test_when_even_the_lowest_pace_is_refused_it_waits() -> None:
    low = replace(FULL, step=0, allowance=12)
    pace, events = adjust(low, FRAME, felt(pressed(0, 5)), RULES, NOON)
    assert events[0].kind is EventKind.SUSPENDED
    assert pace.suspended_until == NOON + RULES.stuck_seconds


def test_after_days_without_mail_it_starts_carefully() -> None:
    later = NOON + 4 * DAY
    pace, events = adjust(FULL, FRAME, felt(at=NOON), RULES, later)
    assert pace.step == careful_start(FRAME, RULES).step
    assert "4 days without mail" in events[0].sentence
    assert adjust(pace, FRAME, felt(at=NOON), RULES, later + 60)[1] == ()


def test_a_lower_ceiling_holds_at_once() -> None:
    pace, events = adjust(FULL, replace(FRAME, ceiling=2), felt(), RULES, NOON)
    assert pace.step == 2
    assert "its standing allows" in events[0].sentence


MOMENTS = st.lists(
    st.tuples(
        st.floats(1, 3 * HOUR),
        st.integers(0, 400),
        st.integers(0, 400),
        st.integers(0, TOP),
        st.booleans(),
        st.integers(1, 20_000),
    ),
    max_size=60,
)


@given(st.integers(0, TOP), MOMENTS)
def test_whatever_happens_the_pace_keeps_its_promises(
    start: int, moments: list[tuple[float, int, int, int, bool, int]]
) -> None:
    pace = Pace(STEPS[start].messages_per_hour, start, lowered_at=NOON, raised_at=NOON)
    now, last_down, last_up = NOON, float("-inf"), float("-inf")
    for seconds, delivered, refused, ceiling, suspends, length in moments:
        now += seconds
        seen = pressed(delivered, refused)
        marks = (mark(now, length),) if suspends else ()
        frame = replace(FRAME, ceiling=ceiling)
        before = replace(pace, step=min(pace.step, ceiling))
        pace, events = adjust(pace, frame, felt(seen, seen, *marks, at=now), RULES, now)
        assert 0 <= pace.step <= ceiling
        assert STEPS[pace.step].messages_per_hour <= max(pace.allowance, STEPS[0].messages_per_hour)
        assert pace.step <= before.step + 1
        if pace.step > before.step:
            assert now - last_up >= RULES.raise_every_seconds
            assert now - last_down >= RULES.raise_every_seconds
            assert seen.pressure_share <= RULES.calm_share
            last_up = now
        if pace.step < before.step:
            assert suspends or now - last_down >= RULES.lower_every_seconds
            assert events
            last_down = now
        if suspends:
            assert pace.suspended_until is not None
            assert pace.suspended_until >= now + length
        assert all(event.sentence and event.evidence for event in events)


@given(st.integers(0, TOP), st.integers(0, TOP))
def test_from_any_pace_calm_brings_any_ceiling_back(start: int, ceiling: int) -> None:
    pace = Pace(STEPS[start].messages_per_hour, start, lowered_at=NOON, raised_at=NOON)
    frame, now = replace(FRAME, ceiling=ceiling), NOON
    for _ in range(24 + 2 * TOP):
        now += HOUR
        pace, _events = adjust(pace, frame, felt(NOTHING, clean(500), at=now), RULES, now)
    assert pace.step == ceiling
