"""Kinds of faults told apart: what each looks like to a probe, and what it means for a member."""

import errno
import os
from dataclasses import replace

import pytest

from failover.connection import _why
from failover.decide import Decision, Fault, fault_of_reply, worse
from failover.decide.model import Check, Health, Result, Target
from failover.smtp import SmtpProbe
from tests.failover.test_decide import POLICY, RELAY, START, results, step


def probe(*, persistent: bool = True) -> SmtpProbe:
    return SmtpProbe("a", persistent, 1.0, 0.1, 0.2, deadline=1.0)


def ready() -> SmtpProbe:
    one = probe()
    one.connected(0.0)
    one.received(b"220 a\r\n", 0.0)
    one.received(b"250 a\r\n", 0.0)
    return one


def test_nothing_on_connecting_is_a_black_hole_and_silence_afterwards_a_hang() -> None:
    one = probe()
    one.tick(1.0)
    assert one.failure_fault is Fault.BLACK_HOLE
    one = probe()
    one.connected(0.5)
    one.tick(1.5)
    assert one.failure_fault is Fault.HANG


def test_an_answer_that_never_comes_is_a_hang_and_one_that_comes_late_is_slow() -> None:
    one = ready()
    one.tick(0.0)
    one.tick(0.2)
    assert (one.bad, one.bad_fault) == (1, Fault.HANG)
    one.received(b"250 ok\r\n", 0.25)
    one.tick(0.25)
    one.tick(0.45)
    assert (one.bad, one.bad_fault) == (2, Fault.SLOW)
    one.tick(0.55)
    one.tick(0.65)
    one.tick(0.8)
    assert one.bad_fault is Fault.HANG


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("421 4.3.2 Service shutting down", Fault.OVERLOAD),
        ("421 4.7.0 a Error: too many connections from 192.0.2.1", Fault.OVERLOAD),
        ("451 4.3.0 Temporary lookup failure", Fault.GRAY),
        ("452 4.3.1 Insufficient system storage", Fault.GRAY),
        ("554 5.3.2 busy", Fault.GRAY),
    ],
)
def test_replies_tell_overload_from_the_rest(line: str, fault: Fault) -> None:
    assert fault_of_reply(line) is fault
    one = probe()
    one.connected(0.0)
    one.received(f"{line}\r\n".encode(), 0.1)
    assert one.failure_fault is fault


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (errno.ECONNREFUSED, Fault.CRASH),
        (errno.ECONNRESET, Fault.CRASH),
        (errno.EHOSTUNREACH, Fault.BLACK_HOLE),
        (errno.EMFILE, Fault.GRAY),
    ],
)
def test_errors_of_the_system_tell_a_crash_from_a_black_hole(code: int, fault: Fault) -> None:
    assert _why(OSError(code, os.strerror(code))) == (os.strerror(code).lower(), fault)


def test_the_worse_fault_wins_and_the_first_among_equals() -> None:
    assert worse(Fault.SLOW, Fault.CRASH) is Fault.CRASH
    assert worse(Fault.CRASH, Fault.BLACK_HOLE) is Fault.CRASH
    assert worse(None, Fault.GRAY) is Fault.GRAY


def absent(*nodes: str, fault: Fault = Fault.HANG) -> list[Result]:
    return [Result(Target(node, "orders", Check.NOOP), False, "no reply", fault) for node in nodes]


def test_a_node_that_is_heard_but_gives_no_answer_is_cut_off_one_way() -> None:
    state = step(step(START, absent("b", fault=Fault.BLACK_HOLE)), absent("b", fault=Fault.BLACK_HOLE))
    assert state.plan[RELAY["orders"]]["b"].fault is Fault.ONE_WAY


def test_a_region_of_which_nothing_is_heard_is_lost_as_a_whole() -> None:
    policy = replace(POLICY, sites={"a": "east", "b": "east", "c": "west", "d": "west"})
    state = step(START, now=10.0, heard_at={"a": 10.0, "b": 10.0, "c": 9.0, "d": 9.0}, policy=policy)
    assert {node: one.fault for node, one in state.plan[RELAY["orders"]].items() if not one.in_service} == {
        "c": Fault.REGION,
        "d": Fault.REGION,
    }
    assert state.plan[RELAY["orders"]]["c"].reason == "nothing is heard from any node of west"


def test_an_observer_that_everybody_leaves_without_an_answer_takes_back_what_it_did() -> None:
    state = step(step(START, absent("b")), absent("b"))
    assert not state.plan[RELAY["orders"]]["b"].in_service
    for _ in range(2):
        state = step(state, [*absent("b", "c", "d"), *no_news("b", "c", "d")])
    assert all(one.in_service for one in state.plan[RELAY["orders"]].values())
    assert state.doubt is not None
    state = step(state, [*results(True, ("c", "orders")), *results(True, ("c", "news"))])
    state = step(state, absent("b"))
    assert state.doubt is None
    assert not state.plan[RELAY["orders"]]["b"].in_service


def no_news(*nodes: str) -> list[Result]:
    return [Result(Target(node, "news", Check.NOOP), False, "no reply", Fault.HANG) for node in nodes]


def test_refusals_are_answers_and_cast_no_doubt() -> None:
    state = START
    for _ in range(3):
        state = step(state, absent("b", "c", "d", fault=Fault.CRASH))
    assert state.doubt is None
    assert sum(not one.in_service for one in state.plan[RELAY["orders"]].values()) == 2


def test_one_that_has_long_been_gone_does_not_count_among_the_missing() -> None:
    health = {
        Target("b", pool, Check.NOOP): Health(False, 0, 0.0, "no reply", Fault.HANG)
        for pool in ("orders", "news")
    }
    state = Decision(health, {}, frozenset(), ())
    state = step(state, now=100.0)
    for _ in range(2):
        state = step(state, [*absent("c"), *no_news("c")], now=100.5)
    assert state.doubt is None
    assert not state.plan[RELAY["orders"]]["c"].in_service
