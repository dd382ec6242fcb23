"""Warm-up: schedules as published, stages left, held, stepped back from; growth; what goes to whom."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.brain.counts import Counts
from delivery.brain.events import Event, EventKind
from delivery.brain.growth import is_flagged, most_today, plan_growth
from delivery.brain.overflow import MessageClass, Room, share_out, warm_capacity
from delivery.brain.rules import GrowthRules, WarmupRules
from delivery.brain.schedules import SCHEDULE_DIRECTORY, Schedule, load_schedules
from delivery.brain.warmup import Warmth, advance, begin, budget, established
from delivery.errors import ScheduleError
from delivery.model import Category
from fleet.catalogue import Catalogue, Stage
from tests.delivery.acts import DAY, NOON, clean, pressed

SCHEDULES = load_schedules()
MAILTRAP = SCHEDULES["mailtrap"]
RULES = WarmupRules()
GROWTH = GrowthRules()
TODAY = int(NOON // DAY)
ISPS = Catalogue.load().isps


def after(
    warmth: Warmth,
    days: Mapping[int, Counts],
    today: int,
    schedule: Schedule = MAILTRAP,
    rules: WarmupRules = RULES,
    hold: str = "",
) -> tuple[Warmth, list[EventKind]]:
    warmth, events = advance("a at google", warmth, schedule, days, rules, today * DAY + 60, hold=hold)
    assert all(isinstance(event, Event) and event.sentence.startswith("a at google: ") for event in events)
    return warmth, [event.kind for event in events]


def filled(warmth: Warmth, schedule: Schedule = MAILTRAP) -> Counts:
    return clean(schedule.stage_volumes[warmth.stage])


def warmed(days: int, schedule: Schedule = MAILTRAP) -> Warmth:
    warmth = begin(schedule, TODAY)
    for day in range(TODAY, TODAY + days):
        warmth, _ = after(warmth, {day: filled(warmth, schedule)}, day + 1, schedule)
    return warmth


@pytest.mark.parametrize(
    ("name", "volumes"),
    [
        ("sparkpost", [200, 500, 1000, 2000, 5000, 10_000, 20_000, 40_000, 50_000, 75_000]),
        ("sendgrid", [20, 28, 39, 54, 76]),
        ("mailtrap", [300, 390, 510, 660, 860, 1100, 1400]),
        ("ipost", [200, 400, 800, 1600]),
    ],
)
def test_schedules_begin_as_they_were_published(name: str, volumes: list[int]) -> None:
    assert list(SCHEDULES[name].stage_volumes[: len(volumes)]) == volumes


def test_hours_and_days_of_a_schedule() -> None:
    assert (MAILTRAP.per_hour(0), MAILTRAP.per_day(0)) == (60, 300)
    assert (MAILTRAP.per_hour(20), MAILTRAP.per_day(20)) == (11_400, 57_000)
    assert (SCHEDULES["sendgrid"].per_hour(1), SCHEDULES["sendgrid"].per_day(1)) == (28, 672)


def test_growth_of_a_schedule_follows_its_bands() -> None:
    volumes = SCHEDULES["ipost"].stage_volumes
    for less, more in pairwise(volumes):
        most = 2.0 if less < 50_000 else 1.5 if less < 100_000 else 1.2 if less < 250_000 else 1.1
        assert more <= less * most + 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("volumes: [", "volumes: [9000, "), "must not fall"),
        (("schedule: mailtrap", "schedule: other"), "called"),
        (("per: day", "per: week"), "per"),
        (("volumes:", "first: 3\nvolumes:"), "either"),
        (("most_per_hour_share: 0.2", "most_per_hour_share: 2"), "most_per_hour_share"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    text = (SCHEDULE_DIRECTORY / "mailtrap.yaml").read_text()
    assert change[0] in text
    (tmp_path / "mailtrap.yaml").write_text(text.replace(*change))
    with pytest.raises(ScheduleError, match=told):
        load_schedules(tmp_path)


def test_no_schedule_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError):
        load_schedules(tmp_path)


def test_a_stage_is_left_when_its_volume_was_delivered() -> None:
    warmth, kinds = after(begin(MAILTRAP, TODAY), {TODAY: clean(270)}, TODAY + 1)
    assert (warmth.stage, kinds) == (1, [EventKind.WARMED])
    warmth, kinds = after(begin(MAILTRAP, TODAY), {TODAY: clean(269)}, TODAY + 1)
    assert (warmth.stage, warmth.sending_days, kinds) == (0, 1, [])


@pytest.mark.parametrize(
    ("seen", "kind", "moved"),
    [
        (pressed(600, 40), EventKind.HELD, 0),
        (Counts(600, complaints=1), EventKind.WARMED, 1),
        (Counts(1100, complaints=2), EventKind.HELD, 0),
        (pressed(600, 200), EventKind.STEPPED_BACK, -1),
        (Counts(600, complaints=3), EventKind.STEPPED_BACK, -1),
        (Counts(660, bounced={Category.UNKNOWN_RECIPIENT: 60}), EventKind.STEPPED_BACK, -1),
        (Counts(660, {Category.BLOCK: 1}), EventKind.STEPPED_BACK, -1),
        (Counts(660, {Category.GREYLIST: 20}), EventKind.WARMED, 1),
    ],
)
def test_what_holds_and_what_steps_back(seen: Counts, kind: EventKind, moved: int) -> None:
    warmth = warmed(3)
    after_that, kinds = after(warmth, {TODAY + 3: seen}, TODAY + 4)
    assert (after_that.stage - warmth.stage, kinds) == (moved, [kind])


def test_a_path_that_fails_does_not_grow_and_resumes() -> None:
    warmth, kinds = after(warmed(3), {TODAY + 3: clean(900)}, TODAY + 4, hold="stage 1 of failure")
    assert (warmth.stage, kinds) == (3, [EventKind.HELD])
    warmth, kinds = after(warmth, {TODAY + 4: clean(900)}, TODAY + 5)
    assert (warmth.stage, kinds) == (4, [EventKind.WARMED])


def test_days_without_mail_are_no_sending_days() -> None:
    warmth, kinds = after(warmed(3), {}, TODAY + 20)
    assert (warmth.stage, warmth.sending_days, kinds) == (3, 3, [])
    warmth, kinds = after(warmth, {TODAY + 20: clean(900)}, TODAY + 21)
    assert (warmth.stage, warmth.sending_days) == (4, 4)


@pytest.mark.parametrize("warmth", [warmed(5), established(MAILTRAP, TODAY + 4)])
def test_after_thirty_idle_days_it_begins_again(warmth: Warmth) -> None:
    same, kinds = after(warmth, {}, TODAY + 33)
    assert (same.stage, same.done, kinds) == (warmth.stage, warmth.done, [])
    again, kinds = after(same, {}, TODAY + 34)
    assert (again.stage, again.sending_days, again.done, kinds) == (0, 0, False, [EventKind.BEGAN_AGAIN])
    assert after(again, {}, TODAY + 80) == (replace(again, judged_day=TODAY + 79), [])


def test_a_brain_that_slept_judges_each_day_by_itself() -> None:
    days = {TODAY + n: clean(MAILTRAP.stage_volumes[n]) for n in range(4)}
    warmth, kinds = after(begin(MAILTRAP, TODAY), days, TODAY + 4)
    assert (warmth.stage, kinds) == (4, [EventKind.WARMED] * 4)
    assert after(warmth, days, TODAY + 4) == (warmth, [])


def test_the_end_of_the_schedule_is_the_end_of_warm_up() -> None:
    assert not warmed(20).done
    assert warmed(21).done


def test_small_senders_are_established_by_time() -> None:
    warmth = begin(MAILTRAP, TODAY)
    for day in range(TODAY, TODAY + 41):
        warmth, _ = after(warmth, {day: clean(50)}, day + 1)
    assert (warmth.stage, warmth.done) == (0, False)
    warmth, kinds = after(warmth, {TODAY + 41: clean(50)}, TODAY + 42)
    assert kinds == [EventKind.ESTABLISHED]


def test_a_burnt_path_takes_its_weeks_and_carries_nothing_transactional() -> None:
    warmth, days = begin(MAILTRAP, TODAY, rebuilding=True), 0
    while warmth.rebuilding:
        assert not budget(warmth, MAILTRAP, ISPS["google"]).transactional
        warmth, kinds = after(warmth, {TODAY + days: filled(warmth)}, TODAY + days + 1)
        days += 1
    assert 28 <= days <= 42
    assert kinds == [EventKind.REBUILT]
    assert budget(warmth, MAILTRAP, ISPS["google"]).transactional


@pytest.mark.parametrize("isp", sorted(ISPS))
@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_standing_follows_good_days_and_never_falls_on_the_way(name: str, isp: str) -> None:
    order = list(Stage)
    schedule = SCHEDULES[name]
    standings = [
        budget(Warmth(name, stage, TODAY), schedule, ISPS[isp]).standing
        for stage in range(schedule.last_stage + 1)
    ]
    assert standings[0] is Stage.FRESH
    assert Stage.ESTABLISHED not in standings
    assert [order.index(one) for one in standings] == sorted(order.index(one) for one in standings)


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 300), st.integers(0, 9), st.integers(1, 40))))
def test_whatever_the_days_bring_one_stage_a_sending_day_at_most(
    days: list[tuple[int, int, int, int]],
) -> None:
    warmth, today = begin(MAILTRAP, TODAY), TODAY
    for delivered, refused, complaints, pause in days:
        seen = Counts(delivered, {Category.RATE: refused}, complaints=complaints)
        before, today = warmth, today + pause
        warmth, kinds = after(warmth, {today - 1: seen}, today)
        assert 0 <= warmth.stage <= MAILTRAP.last_stage
        assert warmth.stage <= before.stage + 1
        if warmth.stage > before.stage:
            assert delivered >= 0.9 * MAILTRAP.stage_volumes[before.stage]
            assert seen.pressure_share <= RULES.hold_pressure_share
        assert len(kinds) <= 2


@given(st.integers(0, 10**6), st.integers(1, 10**7), st.floats(0, 1000))
def test_planned_growth_never_jumps_and_arrives(usual: int, planned: int, age_days: float) -> None:
    plan = plan_growth(usual, planned, age_days, GROWTH)
    assert plan.volumes_per_day[-1] == planned
    most = 0.2 if age_days < 90 else 0.3
    before = max(GROWTH.free_per_day / (1 + most), usual)
    for volume in plan.volumes_per_day:
        assert volume <= max((before + 1) * (1 + most), GROWTH.free_per_day) + 1
        before = volume
    assert plan.staged == is_flagged(usual, planned, age_days, GROWTH)


def test_young_addresses_grow_more_slowly() -> None:
    assert not plan_growth(10_000, 12_900, 200, GROWTH).staged
    assert plan_growth(10_000, 12_900, 60, GROWTH).staged
    assert "mini warm-up" in plan_growth(10_000, 20_000, 200, GROWTH).sentence


def test_in_an_emergency_the_published_cap_of_growth_holds() -> None:
    assert most_today(10_000, 200, GROWTH, emergency=False) == 13_000
    assert most_today(10_000, 200, GROWTH, emergency=True) == 20_000
    assert most_today(300_000, 200, GROWTH, emergency=True) == pytest.approx(330_000)


ROOMS = st.lists(
    st.builds(
        Room,
        st.sampled_from([f"192.0.2.{n}" for n in range(9)]),
        st.integers(0, 1000),
        st.booleans(),
        st.booleans(),
    ),
    unique_by=lambda room: room.address,
    max_size=9,
)


@given(st.dictionaries(st.sampled_from(MessageClass), st.integers(0, 3000)), ROOMS)
def test_volume_is_shared_out_within_what_each_can_carry(
    wanted: dict[MessageClass, int], rooms: list[Room]
) -> None:
    shared = share_out(wanted, rooms)
    for room in rooms:
        assert shared.carried(room.address) <= room.messages
        if not room.transactional:
            assert not shared.given.get(room.address, {}).get(MessageClass.TRANSACTIONAL)
    for kind in MessageClass:
        given_out = sum(one.get(kind, 0) for one in shared.given.values())
        assert given_out + shared.waiting[kind] == wanted.get(kind, 0)
    for kind in MessageClass:
        if shared.waiting[kind]:
            able = [r for r in rooms if r.transactional or kind is not MessageClass.TRANSACTIONAL]
            assert all(shared.carried(room.address) == room.messages for room in able)
    carried = wanted.get(MessageClass.TRANSACTIONAL, 0) - shared.waiting[MessageClass.TRANSACTIONAL]
    assert carried == min(wanted.get(MessageClass.TRANSACTIONAL, 0), warm_capacity(rooms))


def test_cold_addresses_get_their_stage_and_no_more_when_a_region_is_lost() -> None:
    rooms = [Room("warm", 5000), Room("cold", 300, warm=False), Room("burnt", 400, transactional=False)]
    wanted = {MessageClass.TRANSACTIONAL: 5200, MessageClass.MARKETING: 2000}
    shared = share_out(wanted, rooms)
    assert shared.given["warm"] == {MessageClass.TRANSACTIONAL: 5000}
    assert shared.given["cold"] == {MessageClass.TRANSACTIONAL: 200, MessageClass.MARKETING: 100}
    assert shared.given["burnt"] == {MessageClass.MARKETING: 400}
    assert shared.waiting[MessageClass.MARKETING] == 1500
