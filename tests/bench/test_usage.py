"""Readings of CPU time."""

from bench.usage import OTHER, Reading, _computer


def reading(at: float, postfix: float, *, machine: str = "east-1", senders: float = 0.0) -> Reading:
    return Reading(at, {machine: {"Postfix": postfix, OTHER: 1.0}}, senders, computer=at, steal=0.0)


def test_what_was_used_between_two_readings() -> None:
    used = reading(12.0, 5.0, senders=3.0).since(reading(10.0, 2.0, senders=1.0))
    assert used.at == 2.0
    assert used.by_machine == {"east-1": {"Postfix": 3.0, OTHER: 0.0}}
    assert used.senders == 2.0


def test_a_unit_that_appeared_in_between_counts_from_nothing() -> None:
    before = Reading(0.0, {}, 0.0, 0.0, 0.0)
    assert reading(1.0, 5.0).since(before).of(["east-1"]) == 6.0


def test_units_can_be_left_out_and_machines_summed() -> None:
    one = Reading(0.0, {"a": {"Postfix": 1.0, "Knot": 2.0}, "b": {"Postfix": 4.0}}, 0.0, 0.0, 0.0)
    assert one.of(["a", "b"]) == 7.0
    assert one.of(["a"], without=["Knot"]) == 1.0
    assert one.by_unit(["a", "b"]) == {"Postfix": 5.0, "Knot": 2.0}


def test_busy_time_of_the_computer_leaves_waiting_out_and_tells_stolen_time() -> None:
    assert _computer("cpu  100 20 30 999 999 4 6 50 0 0\ncpu0 1 1 1", 100) == (1.6, 0.5)
