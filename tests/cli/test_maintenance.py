"""Draining and putting back: orders, agreement, refusals and what is undone, on a made-up fleet."""

from dataclasses import replace as changed
from datetime import timedelta

import click
import pytest

from cli.maintenance.drain import checks_seconds
from cli.maintenance.durations import Duration
from cli.maintenance.errors import MaintenanceError
from cli.maintenance.handover import HandedOver, command_words, healthy_in, intention
from cli.maintenance.work import AGREE_SECONDS, Busy, drain, refusals, undrain
from failover.agreement import objections, others_out
from failover.orders import render_time
from failover.overview import overview
from fleet.handover import tiers
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from tests.cli.fake_nodes import NODES, NOON, REQUEST, FakeNodes, Time


@pytest.fixture
def nodes() -> FakeNodes:
    return FakeNodes()


@pytest.fixture
def time() -> Time:
    return Time()


def test_a_drain_waits_for_old_answers_to_run_out_for_sessions_and_for_mail(
    nodes: FakeNodes, time: Time
) -> None:
    nodes.busy_by_turns = [Busy({"orders": 3}, 1)] * 5 + [Busy({"orders": 2}, 0, moving=2)] * 15
    done = drain(nodes, REQUEST, time.watch)
    assert done.outcome == "drained"
    assert done.seconds == pytest.approx(10.0)
    assert nodes.said == ["set east-1", "try east-1"]
    assert "east-1: 3 messages (3 in orders) and 1 sessions left" in time.told
    told = overview(nodes.observers()).orders
    assert [(one.node, one.reason, one.until, one.heeded_by) for one in told] == [
        ("east-1", "new disk", "2026-05-04T14:00:00Z", 4)
    ]


def test_an_idle_node_is_not_believed_before_old_answers_have_run_out(nodes: FakeNodes, time: Time) -> None:
    assert drain(nodes, REQUEST, time.watch).seconds == pytest.approx(REQUEST.dns_ttl_seconds)


def test_mail_that_does_not_leave_in_time_is_counted_and_the_node_stays_out(
    nodes: FakeNodes, time: Time
) -> None:
    nodes.busy_by_turns = [Busy({"orders": 7, "news": 1}, 0)] * 1000
    done = drain(nodes, REQUEST, time.watch)
    assert (done.outcome, done.busy.messages) == ("busy", 8)
    assert done.seconds == pytest.approx(REQUEST.timeout_seconds)
    assert "east-1" in nodes.ordered


HANDED = HandedOver({"orders": {"east-2": 3, "west-1": 1}})


def test_what_one_attempt_does_not_deliver_is_handed_over(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 9}, 0, moving=5)] * 15 + [Busy({"orders": 4}, 0)]
    nodes.rounds = [HANDED]
    done = drain(nodes, REQUEST, time.watch)
    assert (done.outcome, done.handed) == ("drained", HANDED)
    assert nodes.said == ["set east-1", "try east-1", "hand over east-1 for 15"]
    assert "east-1: handed over 3 of orders to east-2, 1 of orders to west-1" in time.told


def test_nothing_is_handed_over_before_old_answers_have_run_out(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 4}, 0)] * 9
    drain(nodes, REQUEST, time.watch)
    assert nodes.said == ["set east-1", "try east-1"]


@pytest.mark.parametrize(
    "busy", [Busy({"orders": 4}, 1), Busy({"orders": 4}, 0, moving=1), Busy({"orders": 4}, 0, moving=4)]
)
def test_sessions_and_slow_attempts_keep_mail_for_half_of_the_time_only(
    nodes: FakeNodes, time: Time, busy: Busy
) -> None:
    nodes.busy_by_turns = [busy] * 61
    nodes.rounds = [HANDED]
    assert drain(nodes, REQUEST, time.watch).handed == HANDED
    assert nodes.said[2:] == ["hand over east-1 for 15, untried too"]
    handed_at = next(at for at, line in time.told_at if line.startswith("east-1: handed over"))
    assert handed_at == pytest.approx(REQUEST.timeout_seconds / 2)


def test_deferred_mail_waits_a_minute_at_most_for_slow_attempts(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 4}, 0, moving=1)] * 121
    nodes.rounds = [HANDED]
    drain(nodes, changed(REQUEST, timeout_seconds=600), time.watch)
    assert nodes.said[2:] == ["hand over east-1 for 15"]
    assert [at for at, line in time.told_at if "handed over" in line] == [pytest.approx(60.0)]


def test_what_no_peer_takes_in_time_stays_and_the_node_stays_out(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 9}, 0)] * 1000
    nodes.rounds = [HANDED]
    done = drain(nodes, REQUEST, time.watch)
    assert (done.outcome, done.busy.messages) == ("busy", 9)
    assert done.seconds == pytest.approx(60)
    assert done.handed == changed(HANDED, problems=("west-1: Connection refused",))
    assert "east-1" in nodes.ordered
    rounds = [line for line in nodes.said if line.startswith("hand over")]
    assert (
        len(rounds) == 12
    )  # at once after one that gave something, every five seconds and a half after others
    assert rounds[-1] == "hand over east-1 for 4.5, untried too"


def test_a_node_that_had_to_stop_is_not_asked_again(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 9}, 0)] * 1000
    nodes.rounds = [changed(HANDED, broken="4X was handed over and cannot be deleted here")]
    done = drain(nodes, REQUEST, time.watch)
    assert (done.outcome, done.handed.broken) == ("busy", "4X was handed over and cannot be deleted here")
    assert nodes.said[2:] == ["hand over east-1 for 15"]


def test_the_node_delivers_by_itself_when_that_is_asked_for(nodes: FakeNodes, time: Time) -> None:
    nodes.busy_by_turns = [Busy({"orders": 9}, 0)] * 1000
    done = drain(nodes, changed(REQUEST, hand_over=False), time.watch)
    assert (done.outcome, done.handed.messages) == ("busy", 0)
    assert nodes.said == ["set east-1", "try east-1"]


def test_rounds_add_up() -> None:
    later = HandedOver({"orders": {"west-1": 2}, "news": {"west-1": 7}}, ("full",))
    assert HANDED.and_then(later) == HandedOver(
        {"orders": {"east-2": 3, "west-1": 3}, "news": {"west-1": 7}}, ("full",)
    )
    assert HANDED.and_then(later).messages == 13


def test_only_peers_that_everybody_holds_to_be_well_get_mail(nodes: FakeNodes) -> None:
    assert healthy_in(nodes.observers(), "orders") == set(NODES)
    nodes.sick = {"west-2"}
    nodes.ordered["east-1"] = {"owner": "ada", "reason": "r", "since": "s", "until": "u"}
    assert healthy_in(nodes.observers(), "orders") == {"east-2", "west-1"}
    nodes.silent_daemons = {"east-2"}
    assert healthy_in(nodes.observers(), "orders") == {"west-1"}
    assert healthy_in(nodes.observers(), "news") == set()


def test_peers_of_the_region_come_first() -> None:
    fleet = Fleet.of(load_environment("lab"))
    assert tiers(fleet, "east-1", "marketing", set(NODES)) == (("east-2",), ("west-1", "west-2"))
    assert tiers(fleet, "east-1", "marketing", {"west-2", "east-1"}) == (("west-2",),)
    assert tiers(fleet, "east-1", "marketing", {"east-1"}) == ()


def test_the_helper_is_told_tiers_and_seconds() -> None:
    found = {"orders": [["east-2"], ["west-1", "west-2"]], "news": []}
    words = "--route=orders=east-2/west-1,west-2"
    assert command_words(found, 15, untried=False) == f"--seconds=15.0 {words}"
    assert command_words(found, 15, untried=True) == f"--seconds=15.0 --untried {words}"
    assert command_words({"news": []}, 15, untried=False) == ""
    assert intention(found, {"orders": 3, "news": 1}) == [
        "3 of orders would go to east-2, then west-1 and west-2",
        "1 of news would go to nobody: no other node is well",
    ]


def test_a_drain_is_repeated_without_harm_and_keeps_its_beginning(nodes: FakeNodes, time: Time) -> None:
    drain(nodes, REQUEST, time.watch)
    later = changed(REQUEST, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3))
    assert drain(nodes, later, time.watch).outcome == "drained"
    assert nodes.ordered["east-1"]["since"] == render_time(NOON)
    assert nodes.ordered["east-1"]["until"] == render_time(NOON + timedelta(hours=3))


def test_nothing_is_ordered_when_too_few_nodes_would_be_left(nodes: FakeNodes, time: Time) -> None:
    nodes.sick = {"west-1", "west-2"}
    with pytest.raises(
        MaintenanceError, match="orders would have 1 of 4 nodes in service, at least 2 must stay"
    ):
        drain(nodes, REQUEST, time.watch)
    assert nodes.said == []


def test_a_node_that_is_out_already_may_be_drained_while_the_others_suffice(nodes: FakeNodes) -> None:
    nodes.sick = {"east-1", "west-1"}
    assert objections(nodes.observers(), "east-1", 50) == []
    assert objections(nodes.observers(), "east-2", 50) != []


def test_nothing_is_ordered_while_a_daemon_cannot_be_asked(nodes: FakeNodes, time: Time) -> None:
    nodes.silent_daemons = {"west-2"}
    with pytest.raises(MaintenanceError, match="the daemon of west-2: no route to host"):
        drain(nodes, REQUEST, time.watch)
    assert nodes.said == []


def test_one_node_at_a_time_when_asked_for(nodes: FakeNodes) -> None:
    nodes.ordered["west-1"] = {"owner": "bob", "reason": "r", "since": "s", "until": "u"}
    assert others_out(nodes.observers(), "east-1") == ["west-1"]
    assert refusals(nodes.observers(), REQUEST) == []
    assert refusals(nodes.observers(), changed(REQUEST, alone=True)) == [
        "west-1 is not in service: one node at a time"
    ]


@pytest.mark.parametrize("what", ["stubborn", "dns", "views", "blocked", "refusing"])
def test_without_agreement_a_new_order_is_lifted_again(nodes: FakeNodes, time: Time, what: str) -> None:
    began = time.now
    if what == "stubborn":
        nodes.stubborn, said = {"west-1"}, "west-1: orders on east-1 is taken out by ada, but kept"
    elif what == "dns":
        nodes.dns_stuck, said = True, "ns-east still answers orders with east-1"
    elif what == "views":
        nodes.views_stuck, said = "in", "east-2 still tells health checkers that it serves"
    elif what == "blocked":
        nodes.views_error, said = "no answer", "west-1 still tells health checkers that it serves: no answer"
    else:
        nodes.refusing, said = {"west-1"}, "not every daemon took the order: west-1: error: no such file"
    with pytest.raises(MaintenanceError, match=said):
        drain(nodes, REQUEST, time.watch)
    assert nodes.ordered == {}
    assert time.now - began == pytest.approx(0 if what == "refusing" else AGREE_SECONDS)


def test_without_agreement_an_earlier_order_stands(nodes: FakeNodes, time: Time) -> None:
    drain(nodes, REQUEST, time.watch)
    nodes.dns_stuck = True
    with pytest.raises(MaintenanceError, match="The earlier order on it stands"):
        drain(nodes, REQUEST, time.watch)
    assert "east-1" in nodes.ordered


def test_undrain_waits_until_everybody_uses_the_node_and_may_be_repeated(
    nodes: FakeNodes, time: Time
) -> None:
    drain(nodes, REQUEST, time.watch)
    assert undrain(nodes, "east-1", 60, time.watch) == 0
    assert undrain(nodes, "east-1", 60, time.watch) == 0
    assert nodes.ordered == {}


def test_undrain_names_what_keeps_the_node_out(nodes: FakeNodes, time: Time) -> None:
    nodes.sick = {"east-1"}
    with pytest.raises(MaintenanceError, match="not back in service after 60 s: orders on east-1: refused"):
        undrain(nodes, "east-1", 60, time.watch)


@pytest.mark.parametrize("stuck", ["out", "unknown"])
def test_undrain_waits_until_health_checkers_are_told_by_all(
    nodes: FakeNodes, time: Time, stuck: str
) -> None:
    nodes.views_stuck = stuck
    with pytest.raises(MaintenanceError, match="east-2 does not tell health checkers yet that it serves"):
        undrain(nodes, "east-1", 60, time.watch)


def test_where_answers_hang_on_health_checkers_these_have_time_to_notice(
    nodes: FakeNodes, time: Time
) -> None:
    request = changed(REQUEST, checks_seconds=90, timeout_seconds=10)
    assert drain(nodes, request, time.watch).seconds == pytest.approx(90 + REQUEST.dns_ttl_seconds)
    assert undrain(nodes, "east-1", 60, time.watch, 90) == pytest.approx(90)


def test_health_checkers_notice_after_so_many_failed_checks() -> None:
    assert checks_seconds(Fleet.of(load_environment("staging"))) == 30 * 3
    assert checks_seconds(Fleet.of(load_environment("lab"))) == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("1d", 86400)]
)
def test_spans_of_time_are_read(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "2 h", "h", "0s", "91d", "-1h"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)
