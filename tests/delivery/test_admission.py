"""A path is given what it can send soon, and nothing by a new step before the old one is empty."""

from delivery.router.admission import HORIZON_SECONDS, Admission, messages_per_second
from delivery.router.settings import Step
from tests.delivery.router_settings import FIRST, SECOND, path

FAST, PACED = Step("fast", 4, None), Step("paced", 1, 3600)
PATH = path(FIRST)


def filled(admission: Admission, step: Step, rate: float, now: float) -> int:
    """How many it takes before there is no room."""
    count = 0
    while admission.room(PATH, step, rate, now) > 0:
        admission.give(PATH, step, rate, now)
        count += 1
    return count


def test_a_path_takes_what_leaves_within_the_horizon_and_then_at_its_pace() -> None:
    admission = Admission()
    assert filled(admission, PACED, 1.0, 0.0) == HORIZON_SECONDS
    assert filled(admission, PACED, 1.0, 10.0) == 10
    assert filled(admission, PACED, 1.0, 10.0 + 2 * HORIZON_SECONDS) == HORIZON_SECONDS


def test_a_very_slow_path_still_takes_a_few() -> None:
    assert filled(Admission(), PACED, 1 / 3600, 0.0) == 2


def test_a_new_step_waits_until_the_old_one_is_empty() -> None:
    admission = Admission()
    for _ in range(10):
        admission.give(PATH, PACED, 1.0, 0.0)
    assert admission.room(PATH, FAST, 40.0, 9.0) == 0
    assert admission.room(PATH, PACED, 1.0, 9.0) > 0
    assert admission.room(PATH, FAST, 40.0, 10.0) == 1
    admission.give(PATH, FAST, 40.0, 10.0)
    assert admission.room(PATH, PACED, 1.0, 10.01) == 0


def test_other_paths_are_not_concerned() -> None:
    admission = Admission()
    filled(admission, PACED, 1.0, 0.0)
    assert admission.room(path(SECOND), PACED, 1.0, 0.0) == 1
    assert admission.room(path(FIRST, "yahoo"), PACED, 1.0, 0.0) == 1


def test_a_clock_that_goes_back_frees_nothing() -> None:
    admission = Admission()
    filled(admission, PACED, 1.0, 1000.0)
    assert admission.room(PATH, PACED, 1.0, 0.0) == 0


def test_the_lowest_of_the_bounds_is_the_pace() -> None:
    assert messages_per_second(FAST, None) == 40
    assert messages_per_second(FAST, 7200) == 2
    assert messages_per_second(PACED, 7200) == 1
