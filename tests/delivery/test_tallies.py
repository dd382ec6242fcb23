"""Rolling counts: what is in them, what is not, how long, and that they survive a restart."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.brain.tallies import DAY, HOUR, KEPT, MINUTE, Complaint, Subject, Tallies, subjects
from delivery.brain.tallies_json import parse_tallies, render_tallies
from delivery.errors import StateError
from delivery.model import Action, Attempt, Category, Outcome, Path, Scope
from tests.delivery.acts import HERE, NOON, attempt, deferred, meaning

STEPS = st.lists(
    st.tuples(
        st.floats(0, 40 * DAY),
        st.sampled_from(Outcome),
        st.sampled_from(Category),
        st.sampled_from(["192.0.2.1", "192.0.2.2"]),
        st.integers(1, 50),
    ),
    max_size=60,
)


def filled(steps: list[tuple[float, Outcome, Category, str, int]]) -> tuple[Tallies, list[Attempt], float]:
    tallies, made, now = Tallies(), [], NOON
    for seconds, outcome, category, address, times in sorted(steps, key=lambda step: step[0]):
        now = NOON + seconds
        said = None if outcome in (Outcome.DELIVERED, Outcome.WAITED) else meaning(category, Action.RETRY)
        one = attempt(now, outcome, said, Path(address, "google"))
        tallies.record(one, now, times)
        made += [one] * times
    return tallies, made, now


@given(STEPS)
def test_every_window_counts_what_happened_in_it_and_no_wait(
    steps: list[tuple[float, Outcome, Category, str, int]],
) -> None:
    tallies, made, now = filled(steps)
    tried = [one for one in made if one.outcome is not Outcome.WAITED]
    for width, count in ((MINUTE, 60), (HOUR, 24), (HOUR, 7 * 24), (DAY, 30)):
        first = int(now // width) - count + 1
        for subject in (Subject(isp="google"), Subject(pool="marketing"), Subject(address="192.0.2.1")):
            within = [
                one
                for one in tried
                if one.at // width >= first and subject.address in (None, one.path.address)
            ]
            counts = tallies.of(subject).last(width, count, now)
            assert counts.attempts == len(within)
            assert counts.delivered == sum(one.outcome is Outcome.DELIVERED for one in within)
            assert sum(counts.bounced.values()) == sum(one.outcome is Outcome.BOUNCED for one in within)


@given(STEPS)
def test_memory_is_bounded(steps: list[tuple[float, Outcome, Category, str, int]]) -> None:
    tallies, _made, _now = filled(steps)
    for tally in tallies.by_subject.values():
        assert all(len(tally.buckets[width]) <= kept for width, kept in KEPT.items())
    assert len(tallies.by_subject) <= 3 + 2 * 2


@given(STEPS)
def test_a_restart_changes_nothing(steps: list[tuple[float, Outcome, Category, str, int]]) -> None:
    tallies, _made, now = filled(steps)
    tallies.record(attempt(now, Outcome.DEFERRED, meaning(Category.BLOCK, Action.SUSPEND)), now)
    again = parse_tallies(render_tallies(tallies))
    assert again.by_subject == tallies.by_subject
    assert again.marks == tallies.marks


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version":1,"tallies":[{"address":1}],"marks":[]}',
        '{"version":2,"tallies":[],"marks":[]}',
    ],
)
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(StateError):
        parse_tallies(text)


def test_a_negative_count_is_refused() -> None:
    tallies = Tallies()
    tallies.record(attempt(NOON), NOON)
    told = json.loads(render_tallies(tallies))
    told["tallies"][0]["minutes"][0]["d"] = -1
    with pytest.raises(StateError):
        parse_tallies(json.dumps(told))


def test_an_attempt_counts_for_all_whom_it_concerns() -> None:
    tallies = Tallies()
    tallies.record(deferred(NOON), NOON)
    assert set(tallies.by_subject) == set(subjects("192.0.2.1", "google", "marketing"))
    assert tallies.of_path(HERE).last(MINUTE, 1, NOON).deferred == {Category.RATE: 1}


def test_complaints_count_where_they_are_known_to_belong() -> None:
    tallies = Tallies()
    tallies.complain(Complaint(NOON, "marketing", "yahoo"), NOON)
    tallies.complain(Complaint(NOON, "marketing", "yahoo", "192.0.2.1"), NOON)
    assert tallies.of(Subject(isp="yahoo")).day(0, NOON).complaints == 2
    assert tallies.of(Subject(address="192.0.2.1")).day(0, NOON).complaints == 1
    assert tallies.of(Subject(isp="yahoo")).last_attempt_at is None


def test_a_clock_that_is_wrong_cannot_wipe_the_counts() -> None:
    tallies = Tallies()
    tallies.record(attempt(NOON), NOON)
    tallies.record(attempt(NOON + 400 * DAY), NOON)
    assert tallies.of_path(HERE).last(DAY, 1, NOON).delivered == 1


def test_late_news_counts_in_its_own_hour() -> None:
    tallies = Tallies()
    tallies.record(attempt(NOON - 3 * HOUR), NOON)
    assert tallies.of_path(HERE).last(HOUR, 1, NOON).attempts == 0
    assert tallies.of_path(HERE).last(HOUR, 4, NOON).attempts == 1


def test_only_whole_minutes_after_a_change_count() -> None:
    tallies = Tallies()
    for seconds in (0, 30, 60, 119, 120):
        tallies.record(attempt(NOON + seconds), NOON + seconds)
    after = tallies.of_path(HERE).after_minute_of(NOON + 10, 15, NOON + 120)
    assert after.attempts == 3


def test_the_busiest_day_is_one_before_today() -> None:
    tallies = Tallies()
    for back, times in ((0, 900), (2, 300), (9, 500), (20, 800)):
        tallies.record(attempt(NOON - back * DAY), NOON, times)
    assert tallies.of_path(HERE).busiest_day_attempts(14, NOON) == 500


def test_marks_are_the_latest_of_their_rule_and_few() -> None:
    tallies = Tallies()
    for number in range(40):
        said = meaning(Category.BLOCK, Action.SUSPEND, suspend_seconds=600, rule=f"google/r{number}")
        tallies.record(attempt(NOON + number, Outcome.DEFERRED, said), NOON + number)
    marks = tallies.marks[HERE]
    assert len(marks) == 16
    assert "google/r39" in marks
    assert "google/r0" not in marks
    older = replace(attempt(NOON, Outcome.DEFERRED, meaning(Category.BLOCK, rule="google/r39")))
    tallies.record(older, NOON + 40)
    assert tallies.marks[HERE]["google/r39"].at == NOON + 39


def test_a_plain_slowdown_leaves_no_mark() -> None:
    tallies = Tallies()
    tallies.record(deferred(NOON), NOON)
    unsaid = meaning(Category.RATE, Action.SUSPEND, scope=Scope.NETWORK)
    assert not tallies.marks
    tallies.record(attempt(NOON, Outcome.DEFERRED, unsaid), NOON)
    assert tallies.marks[HERE]["google/rate"].suspend_seconds == 900


def test_what_is_older_than_all_windows_is_forgotten() -> None:
    tallies = Tallies()
    tallies.record(attempt(NOON, Outcome.DEFERRED, meaning(Category.BLOCK, Action.SUSPEND)), NOON)
    tallies.forget(NOON + 29 * DAY)
    assert tallies.by_subject
    tallies.forget(NOON + 40 * DAY)
    assert not tallies.by_subject
    assert not tallies.marks
