"""Scores, rests, stages of failure, the daily review."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.brain.counts import NOTHING, Counts
from delivery.brain.events import EventKind
from delivery.brain.rests import Member, Service, Sign, floor, judge_group
from delivery.brain.review import Verdict, hourly_deferrals, review
from delivery.brain.rules import ReputationRules, StageRules
from delivery.brain.scoring import Score, follow, measure
from delivery.brain.stages import INTERVENTIONS, Failure, Symptoms, recognise
from delivery.brain.tallies import Tally
from delivery.model import Category
from tests.delivery.acts import DAY, HOUR, NOON, clean, pressed

RULES = ReputationRules()
STAGES = StageRules()
WELL = Sign(95.0, "nothing stands out")
ILL = Sign(40.0, "deferrals")

COUNTS = st.builds(
    lambda delivered, rate, block, unknown, complaints: Counts(
        delivered,
        {Category.RATE: rate, Category.BLOCK: block},
        {Category.UNKNOWN_RECIPIENT: unknown},
        complaints,
    ),
    st.integers(0, 5000),
    st.integers(0, 2000),
    st.integers(0, 500),
    st.integers(0, 2000),
    st.integers(0, 100),
)


def score(seen: Counts, listings: int = 0) -> float:
    return measure(seen, seen, listings, RULES).score


def test_good_mail_scores_full_marks_and_silence_no_less() -> None:
    assert score(clean(1000)) == 100.0
    assert score(NOTHING) == 100.0


@given(COUNTS, st.integers(0, 5))
def test_a_score_is_between_0_and_100(seen: Counts, listings: int) -> None:
    assert 0.0 <= score(seen, listings) <= 100.0


@given(COUNTS, st.integers(1, 500))
def test_more_trouble_never_scores_better(seen: Counts, more: int) -> None:
    assert score(replace(seen, complaints=seen.complaints + more)) <= score(seen)
    if seen.delivered > more:
        refused = {**seen.deferred, Category.RATE: seen.deferred[Category.RATE] + more}
        worse = Counts(seen.delivered - more, refused, seen.bounced, seen.complaints)
        assert score(worse) <= score(seen) + 1e-9
    assert score(seen, 1) <= score(seen)


def test_several_together_weigh_more_than_their_sum() -> None:
    deferrals, bounces = (
        100 - score(pressed(900, 100)),
        100 - score(Counts(950, bounced={Category.UNKNOWN_RECIPIENT: 50})),
    )
    both = Counts(850, {Category.RATE: 100}, {Category.UNKNOWN_RECIPIENT: 50})
    assert deferrals > 0
    assert bounces > 0
    assert 100 - score(both) == pytest.approx(1.5 * (deferrals + bounces))


def test_few_answers_weigh_little() -> None:
    assert score(pressed(5, 5)) > score(pressed(500, 500))


def test_one_alone_sends_nobody_to_rest_unless_it_blocks() -> None:
    assert score(pressed(0, 1000)) >= RULES.rest_below
    assert score(Counts(500, bounced={Category.UNKNOWN_RECIPIENT: 500})) >= RULES.rest_below
    assert score(Counts(900, {Category.BLOCK: 100})) < RULES.rest_below


def test_a_score_falls_at_once_and_rises_slowly() -> None:
    fell = follow(Score(100.0, NOON), 20.0, RULES, NOON + 60)
    assert fell.value == 20.0
    assert follow(fell, 100.0, RULES, NOON + 60 + 10 * HOUR).value == pytest.approx(30.0)
    assert follow(fell, 25.0, RULES, NOON + 60 + 10 * HOUR).value == 25.0


def names(count: int) -> list[str]:
    return [f"192.0.2.{number}" for number in range(count)]


def test_a_low_score_rests_and_comes_back_by_way_of_probation() -> None:
    group = dict.fromkeys(names(4), WELL)
    members, events = judge_group({}, {**group, "192.0.2.1": ILL}, RULES, NOON)
    assert members["192.0.2.1"].service is Service.RESTING
    assert [event.kind for event in events] == [EventKind.RESTED]
    over = NOON + RULES.rest_seconds
    assert judge_group(members, group, RULES, over - 1)[0]["192.0.2.1"].service is Service.RESTING
    members, events = judge_group(members, group, RULES, over)
    assert members["192.0.2.1"].service is Service.PROBATION
    assert [event.kind for event in events] == [EventKind.ON_PROBATION]
    answered = {**group, "192.0.2.1": replace(WELL, answered=500)}
    members, _ = judge_group(members, answered, RULES, over + RULES.probation_seconds - 1)
    assert members["192.0.2.1"].service is Service.PROBATION
    members, events = judge_group(members, answered, RULES, over + RULES.probation_seconds)
    assert members["192.0.2.1"].service is Service.ACTIVE
    assert [event.kind for event in events] == [EventKind.RETURNED]


def test_between_the_thresholds_nobody_moves() -> None:
    middling = Sign(60.0, "deferrals")
    members, events = judge_group({}, dict.fromkeys(names(4), middling), RULES, NOON)
    assert not events
    resting = {"192.0.2.0": Member(Service.RESTING, NOON, NOON + 1, 1)}
    members, events = judge_group(resting, dict.fromkeys(names(4), middling), RULES, NOON + DAY)
    assert members["192.0.2.0"].service is Service.RESTING
    assert not events


def test_the_worst_goes_first_and_never_all_at_once() -> None:
    signs = {name: Sign(40.0 - number, "deferrals") for number, name in enumerate(names(8))}
    members, events = judge_group({}, signs, RULES, NOON)
    resting = [name for name, one in members.items() if one.service is Service.RESTING]
    assert sorted(resting) == ["192.0.2.6", "192.0.2.7"]
    assert sum(event.kind is EventKind.KEPT for event in events) == 6
    assert judge_group(members, signs, RULES, NOON + 60)[1] == ()


def test_the_floor_stands_against_low_scores_but_not_against_a_listing() -> None:
    signs = dict.fromkeys(names(2), ILL)
    members, _ = judge_group({}, signs, RULES, NOON)
    assert sum(one.service is Service.RESTING for one in members.values()) == 1
    for day in range(1, 10):
        members, _ = judge_group(members, signs, RULES, NOON + day * DAY)
        assert sum(one.service is Service.RESTING for one in members.values()) == 1
    listed = dict.fromkeys(names(2), Sign(95.0, "", "listed by zen.spamhaus.org"))
    members, events = judge_group({}, listed, RULES, NOON)
    assert all(one.service is Service.RESTING and one.outright for one in members.values())
    assert "listed by zen.spamhaus.org" in events[0].sentence


def test_a_lost_node_counts_for_nothing_in_the_floor() -> None:
    signs = {"a": ILL, "b": WELL, "c": replace(WELL, present=False), "d": replace(WELL, present=False)}
    members, events = judge_group({}, signs, RULES, NOON)
    assert members["a"].service is Service.ACTIVE
    assert [event.kind for event in events] == [EventKind.KEPT]


def test_each_rest_is_longer_and_the_second_for_a_block_burns() -> None:
    signs = {**dict.fromkeys(names(4), WELL), "192.0.2.0": Sign(95.0, "", "blocked: 3 of 3")}
    well = dict.fromkeys(names(4), WELL)
    members, events = judge_group({}, signs, RULES, NOON)
    assert EventKind.BURNT not in [event.kind for event in events]
    back = NOON + RULES.rest_seconds
    members, _ = judge_group(members, well, RULES, back)
    members, events = judge_group(members, signs, RULES, back + HOUR)
    assert members["192.0.2.0"].until == back + HOUR + 2 * RULES.rest_seconds
    assert members["192.0.2.0"].burnt
    assert EventKind.BURNT in [event.kind for event in events]


def test_a_listing_that_lasts_keeps_it_out() -> None:
    listed = {**dict.fromkeys(names(3), WELL), "192.0.2.0": Sign(100.0, "", "listed by a.example")}
    members, _ = judge_group({}, listed, RULES, NOON)
    members, events = judge_group(members, listed, RULES, NOON + DAY - 1)
    assert members["192.0.2.0"].until == NOON + DAY - 1 + RULES.rest_seconds
    assert not events
    members, events = judge_group(members, listed, RULES, NOON + DAY)
    assert [event.kind for event in events] == [EventKind.BURNT]
    assert "still listed by a.example" in events[0].sentence
    assert judge_group(members, listed, RULES, NOON + 2 * DAY)[1] == ()


SCORES = st.lists(
    st.tuples(st.floats(0.1, 3 * DAY), st.lists(st.floats(0, 100), min_size=5, max_size=5)), max_size=30
)


@given(SCORES)
def test_scores_alone_never_cross_the_floor_nor_the_daily_share(
    moments: list[tuple[float, list[float]]],
) -> None:
    members: dict[str, Member] = {}
    now, began = NOON, [float("-inf")]
    for seconds, scores in moments:
        now += seconds
        signs = {name: Sign(value, "", answered=500) for name, value in zip(names(5), scores, strict=True)}
        before, (members, events) = members, judge_group(members, signs, RULES, now)
        serving = sum(one.service is not Service.RESTING for one in members.values())
        assert serving >= floor(5, RULES)
        for event in events:
            assert event.sentence
            if event.kind is EventKind.RESTED:
                assert now - began[-1] >= RULES.rests_window_seconds
                began.append(now)
        for name, one in members.items():
            was = before.get(name, Member())
            if was.service is Service.RESTING and one.service is not Service.RESTING:
                assert one.service is Service.PROBATION
                assert now >= (was.until or 0.0)


def symptoms(hour: Counts, usual: Counts = NOTHING, **more: float) -> Symptoms:
    return Symptoms(hour, hour, usual, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("was", "seen", "stage"),
    [
        (0, symptoms(clean(500)), 0),
        (0, symptoms(pressed(95, 5)), 1),
        (0, symptoms(pressed(95, 5), pressed(960, 40)), 0),
        (0, symptoms(pressed(9, 5)), 0),
        (0, symptoms(clean(500), queued=9000), 0),
        (1, symptoms(clean(500), queued=300, queued_before=100), 2),
        (0, symptoms(pressed(95, 5), queued=300, queued_before=100), 2),
        (0, symptoms(clean(500), spam_share=0.2), 3),
        (0, symptoms(Counts(500, complaints=5)), 0),
        (1, symptoms(Counts(500, complaints=5)), 3),
        (0, symptoms(Counts(90, {Category.BLOCK: 10})), 4),
        (0, symptoms(pressed(5, 95)), 4),
    ],
)
def test_each_stage_has_its_signs(was: int, seen: Symptoms, stage: int) -> None:
    failure, events = recognise("p", Failure(was, NOON, NOON, "before"), seen, STAGES, NOON + 60)
    assert failure.stage == stage
    assert bool(events) == (stage != was)
    assert (EventKind.RUNBOOK in [event.kind for event in events]) == (stage == 4)


def test_stages_are_left_one_by_one_after_calm() -> None:
    failure, now, stages = Failure(4, NOON, NOON, "blocked"), NOON, []
    for _ in range(5):
        now += STAGES.calm_seconds
        assert recognise("p", failure, symptoms(clean(500)), STAGES, now - 1)[0] == failure
        failure, _ = recognise("p", failure, symptoms(clean(500)), STAGES, now)
        stages.append(failure.stage)
    assert stages == [3, 2, 1, 0, 0]


def test_a_sign_that_lasts_keeps_the_stage() -> None:
    seen, now = symptoms(pressed(95, 5)), NOON
    failure, _ = recognise("p", Failure(), seen, STAGES, now)
    for _ in range(20):
        now += HOUR
        failure, events = recognise("p", failure, seen, STAGES, now)
        assert (failure.stage, events) == (1, ())


def test_the_later_the_stage_the_stronger_what_is_done() -> None:
    factors = [INTERVENTIONS[stage].ceiling_factor for stage in range(5)]
    assert factors == sorted(factors, reverse=True)
    assert [stage for stage in range(5) if INTERVENTIONS[stage].runbook] == [4]
    assert [stage for stage in range(5) if INTERVENTIONS[stage].may_grow] == [0]


def week(usual: Counts, yesterday: Counts) -> Tally:
    tally = Tally()
    for back in range(2, 10):
        tally.add(NOON - back * DAY, usual, NOON)
    tally.add(NOON - DAY, yesterday, NOON)
    return tally


@pytest.mark.parametrize(
    ("yesterday", "verdict"),
    [
        (Counts(1000), Verdict.QUIET),
        (Counts(990, {Category.RATE: 10}), Verdict.QUIET),
        (Counts(900, {Category.RATE: 100}), Verdict.NOISE),
        (Counts(900, {Category.RATE: 100}, complaints=20), Verdict.WORSE),
        (Counts(10, {Category.RATE: 10}, complaints=5), Verdict.TOO_FEW),
    ],
)
def test_the_review_tells_noise_from_a_change(yesterday: Counts, verdict: Verdict) -> None:
    found = review("google", week(Counts(990, {Category.RATE: 10}, complaints=1), yesterday), NOON)
    assert found.verdict is verdict
    assert found.sentence.startswith("google: ")


def test_deferrals_by_the_hour() -> None:
    tally = Tally()
    tally.add(NOON - HOUR, pressed(75, 25), NOON)
    tally.add(NOON - 3 * DAY, clean(100), NOON)
    tally.add(NOON - 20 * DAY, clean(200), NOON)
    found = hourly_deferrals(tally, NOON)
    assert found.hours[-1] == 0.25
    assert found.hours[-2] is None
    assert (found.week, found.month) == (0.125, 0.0625)
