"""The mail comparison's figures, from made-up rounds."""

import dataclasses

import pytest

from bench.mail_figures import FLEET, PLAIN, Layout, Round, limit, own_cpu_seconds, side_of, verdicts
from bench.usage import Reading

LAYOUT = Layout(
    fleet=("east-1", "west-1"), plain="plain-1", application="app-1", internet="internet-1", cores=2
)
USED = Reading(
    at=10.0,
    by_machine={
        "east-1": {"Postfix": 3.0, "HAProxy": 0.5},
        "west-1": {"Postfix": 3.5},
        "plain-1": {"Postfix": 4.0, "Knot": 1.0},
        "app-1": {"HAProxy": 0.6, "everything else": 0.1},
        "internet-1": {"simulated providers": 2.0, "simulated name servers": 0.3},
    },
    senders=1.0,
    computer=19.0,
    steal=0.0,
)


def one_round(side: str, **changes: object) -> Round:
    made = Round(
        side, 1000, 1000, 1000, 0, 0, 0, 60, 60, seconds_to_accept=5.0, seconds_to_deliver=10.0, used=USED
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_each_side_pays_for_its_own_machines_and_plain_not_for_its_name_server() -> None:
    assert own_cpu_seconds(one_round(FLEET), LAYOUT) == 7.0
    assert own_cpu_seconds(one_round(PLAIN), LAYOUT) == 4.0


def test_cost_is_per_thousand_delivered_and_rates_are_medians() -> None:
    rounds = [one_round(FLEET, seconds_to_deliver=seconds) for seconds in (10.0, 20.0, 5.0)]
    side = side_of(rounds, LAYOUT)
    assert side.cpu_seconds_per_thousand == pytest.approx(7.0)
    assert side.delivered_per_second == pytest.approx(100.0)
    assert side.accepted_per_second == pytest.approx(200.0)


def test_all_cpu_time_is_somewhere_or_with_strangers() -> None:
    side = side_of([one_round(FLEET)], LAYOUT)
    assert sum(side.breakdown.values()) == pytest.approx(16.0)
    assert side.strangers_percent == pytest.approx(100 * 3.0 / 20)
    assert side.computer_busy_percent == pytest.approx(95.0)


def test_targets_are_judged_on_ratios() -> None:
    fleet, plain = (side_of([one_round(side)], LAYOUT) for side in (FLEET, PLAIN))
    judged = verdicts(fleet, plain)
    assert judged["CPU per message, fleet : plain"][:2] == (1.75, 1.7)
    assert [reached for _, _, reached in judged.values()] == [False, True, True, True]


def test_a_message_that_never_arrived_is_a_missed_target() -> None:
    fleet, plain = side_of([one_round(FLEET, delivered=999)], LAYOUT), side_of([one_round(PLAIN)], LAYOUT)
    assert not verdicts(fleet, plain)["accepted messages counted, %"][2]


def test_what_limited_the_rate_is_told_by_how_busy_the_computer_was() -> None:
    busy = side_of([one_round(FLEET)], LAYOUT)
    assert limit(busy).startswith("the computer's CPU (95 % busy): Postfix 41 %")
    idle = side_of([one_round(FLEET, used=dataclasses.replace(USED, computer=10.0))], LAYOUT)
    assert limit(idle).startswith("not the CPU (50 % busy)")
