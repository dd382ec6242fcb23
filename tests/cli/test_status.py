"""`mtafleet status`: many daemons' views as one picture."""

import json
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli.status import ZoneAnswer, as_data, is_healthy, read_observers, show
from failover.overview import MemberLine, Observer, overview
from fleet.inventory import Outputs
from infra.ssh import Reply

NODES = ("east-1", "west-1")
FINE = {"in_service": True, "healthy": True, "reason": "healthy"}
GONE = {"in_service": False, "healthy": False, "reason": "nothing is heard from the node"}
HELD = {"in_service": True, "healthy": False, "reason": "SMTP probe: refused, but kept because ..."}


def status(node: str, silent: tuple[str, ...] = (), doubt: str | None = None, **west: Any) -> dict[str, Any]:
    return {
        "node": node,
        "doubt": doubt,
        "nodes": {name: {"silent": name in silent} for name in NODES},
        "pools": {"orders": {"east-1": {"relay": FINE}, "west-1": {"relay": FINE, **west}}},
    }


def observer(node: str, found: dict[str, Any] | None, problem: str = "") -> Observer:
    return Observer(node, node.partition("-")[0], "mta", found, problem)


def test_a_fleet_that_is_well_says_so() -> None:
    found = overview([observer(node, status(node)) for node in NODES])
    assert found.healthy
    assert [(one.node, one.heard_by, one.asked, one.daemon) for one in found.nodes] == [
        ("east-1", 1, 1, "watching"),
        ("west-1", 1, 1, "watching"),
    ]
    assert found.members[1] == MemberLine("orders", "west-1", "relay", 2, 2, ())


def test_a_dead_node_is_counted_over_those_that_answer() -> None:
    found = overview(
        [
            observer("east-1", status("east-1", silent=("west-1",), relay=GONE)),
            observer("west-1", None, "no route"),
        ]
    )
    assert not found.healthy
    assert (found.nodes[1].heard_by, found.nodes[1].asked, found.nodes[1].daemon) == (0, 1, "no route")
    assert found.members[1] == MemberLine(
        "orders", "west-1", "relay", 0, 1, ("nothing is heard from the node",)
    )


def test_a_member_kept_by_the_floor_is_in_service_but_not_well() -> None:
    found = overview([observer("east-1", status("east-1", relay=HELD))])
    assert found.members[1].in_service_for == 1
    assert not found.members[1].healthy


def test_an_observer_in_doubt_is_shown_with_its_reason() -> None:
    found = overview([observer("east-1", status("east-1", doubt="it ran late"))])
    assert found.nodes[0].daemon == "in doubt: it ran late"


@pytest.mark.parametrize(
    ("answers", "healthy"),
    [
        ([("ns-east", ("east-1", "west-1")), ("ns-west", ("east-1", "west-1"))], True),
        ([("ns-east", ("east-1",)), ("ns-west", ("east-1", "west-1"))], False),
        ([("ns-east", ("east-1",)), ("ns-west", ("east-1",))], False),
        ([("ns-east", ("east-1", "west-1")), ("ns-west", ())], False),
    ],
)
def test_primaries_have_to_answer_with_every_node(
    answers: list[tuple[str, tuple[str, ...]]], healthy: bool
) -> None:
    found = overview([observer(node, status(node)) for node in NODES])
    told = [ZoneAnswer("orders.example", name, ("east-1", "west-1"), nodes) for name, nodes in answers]
    assert is_healthy(found, told) == healthy


def test_replies_become_observers_and_nonsense_a_problem() -> None:
    outputs = Outputs.model_validate(
        {
            "nodes": {
                name: {
                    "role": "mta",
                    "site": "east",
                    "address": "192.0.2.1",
                    "ssh_host": "192.0.2.1",
                    "host_key": "ssh-ed25519 AAAA",
                }
                for name in ("a", "b", "c")
            },
            "acme": {"directory": "https://acme.example/dir"},
        }
    )
    replies = {"a": Reply('{"node": "a"}'), "b": Reply("oops"), "c": Reply(problem="no route to host")}
    found = {one.node: (one.status, one.problem) for one in read_observers(outputs, replies)}
    assert found == {
        "a": ({"node": "a"}, ""),
        "b": (None, "the daemon's answer is no JSON"),
        "c": (None, "no route to host"),
    }


def test_both_forms_of_output_carry_the_reasons() -> None:
    observers = [observer("east-1", status("east-1", relay=GONE))]
    answers = [ZoneAnswer("orders.example", "ns-east", ("east-1",), ("east-1",))]
    found = overview(observers)
    text = StringIO()
    show(found, answers, Console(file=text, width=200))
    assert "nothing is heard from the node" in text.getvalue()
    data = json.loads(json.dumps(as_data(found, observers, answers)))
    assert data["healthy"] is False
    assert data["members"][1]["reasons"] == ["nothing is heard from the node"]
    assert data["daemons"]["east-1"]["node"] == "east-1"


def drained_status(node: str, *, held: bool = False) -> dict[str, Any]:
    why = "taken out by ada until 2026-05-04 14:00 UTC: new disk"
    west = {"in_service": held, "healthy": True, "reason": why, "ordered_out": True}
    order = {
        "owner": "ada",
        "reason": "new disk",
        "since": "2026-05-04T12:00:00Z",
        "until": "2026-05-04T14:00:00Z",
    }
    return {**status(node, relay=west), "maintenance": {"error": None, "orders": {"west-1": order}}}


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        (False, "not well: west-1 is drained: new disk\n"),
        (True, "not well: west-1 is drained, but partly kept in service: new disk\n"),
    ],
)
def test_a_drained_node_is_named_once_with_its_reason(held: bool, verdict: str) -> None:
    observers = [observer(node, drained_status(node, held=held)) for node in NODES]
    answers = [ZoneAnswer("orders.example", "ns-east", NODES, ("east-1",))]
    found = overview(observers)
    assert not is_healthy(found, answers)
    text = StringIO()
    show(found, answers, Console(file=text, width=200))
    assert text.getvalue().endswith(verdict)
    data = as_data(found, observers, answers)
    assert [(one["node"], one["owner"], one["until"], one["heeded_by"]) for one in data["drained"]] == [
        ("west-1", "ada", "2026-05-04T14:00:00Z", 2)
    ]


def test_a_daemon_that_cannot_read_its_orders_is_not_well() -> None:
    found = overview(
        [observer("east-1", {**status("east-1"), "maintenance": {"error": "is not JSON", "orders": {}}})]
    )
    assert found.nodes[0].daemon == "cannot read its maintenance orders: is not JSON"
    assert not found.healthy


def viewing(node: str, error: str | None = None, **told: str) -> Observer:
    """A daemon whose front door tells `told` of the others."""
    views = {"error": error, "nodes": {name.replace("_", "-"): view for name, view in told.items()}}
    return observer(node, {**status(node), "views": views})


@pytest.mark.parametrize(
    ("observers", "verdict"),
    [
        ([viewing("east-1", west_1="in"), viewing("west-1", east_1="in")], "all nodes are in service\n"),
        (
            [viewing("east-1", west_1="in"), viewing("west-1", west_1="out")],
            "not well: health checkers are told different things of west-1\n",
        ),
        (
            [viewing("east-1", west_1="out"), viewing("west-1", west_1="out")],
            "not well: health checkers are told nothing good of west-1\n",
        ),
        (
            [viewing("east-1", west_1="in", error="HAProxy cannot be reached"), viewing("west-1")],
            "not well: health checkers are told nothing good of west-1\n",
        ),
    ],
)
def test_what_health_checkers_are_told_is_compared(observers: list[Observer], verdict: str) -> None:
    found = overview(observers)
    text = StringIO()
    show(found, [], Console(file=text, width=200))
    assert text.getvalue().endswith(verdict)
    assert is_healthy(found, []) == verdict.startswith("all")
    data = json.loads(json.dumps(as_data(found, observers, [])))
    assert [one["node"] for one in data["views"] if not one["healthy"]] == (
        [] if found.healthy else ["west-1"]
    )


def test_of_a_drained_node_it_is_well_that_health_checkers_are_told_so() -> None:
    views = {"error": None, "nodes": {"west-1": "out"}}
    observers = [observer(node, {**drained_status(node), "views": views}) for node in NODES]
    text = StringIO()
    show(overview(observers), [], Console(file=text, width=200))
    assert text.getvalue().endswith("not well: west-1 is drained: new disk\n")
    assert "out by east-1, west-1" in text.getvalue()


def lease(
    *, held: bool = False, failing: float | None = None, epoch: int = 7, holder: str = "", alive: bool = False
) -> dict[str, Any]:
    error = None if failing is None else "the shared store, asked by east-1: no answer within 0.8 s"
    known = {"holder": holder, "epoch": epoch, "held": held, "alive": alive}
    return {**known, "error": error, "failing_seconds": failing}


def with_leases(east: dict[str, Any], west: dict[str, Any]) -> list[Observer]:
    leases = {"east-1": east, "west-1": west}
    return [observer(node, {**status(node), "dns": {"lease": leases[node]}}) for node in NODES]


@pytest.mark.parametrize(
    ("east", "west", "healthy", "said"),
    [
        (lease(held=True), lease(), True, "DNS written by east-1 under epoch 7"),
        (lease(held=True), lease(failing=3.0), True, "DNS written by east-1 under epoch 7"),
        (
            lease(held=True),
            lease(failing=60.0),
            False,
            "west-1 without the shared store for 60 s: the shared store, asked by east-1: no answer",
        ),
        (
            lease(failing=61.0),
            lease(failing=60.0),
            False,
            "DNS stays as it is: no writer; east-1, west-1 without the shared store for 61 s",
        ),
        (lease(epoch=6), lease(), False, "DNS stays as it is: no writer"),
        (
            lease(epoch=6, holder="north-1", alive=True),
            lease(epoch=7, holder="west-2", alive=True),
            True,
            "DNS written by west-2 under epoch 7, as west-1 knows it",
        ),
        # what the store said last of a holder that has stopped, or of one that says itself that it is none
        (lease(), lease(holder="west-2"), False, "DNS stays as it is: no writer"),
        (lease(), lease(holder="east-1", alive=True), False, "DNS stays as it is: no writer"),
    ],
)
def test_the_status_tells_who_writes_dns_and_for_how_long_nobody_can(
    east: dict[str, Any], west: dict[str, Any], healthy: bool, said: str
) -> None:
    observers = with_leases(east, west)
    found = overview(observers)
    assert found.healthy == healthy
    text = StringIO()
    show(found, [], Console(file=text, width=250))
    assert said in text.getvalue()
    assert ("all nodes are in service" in text.getvalue()) == healthy
    data = as_data(found, observers, [])
    assert data["dns_writer"]["healthy"] == healthy
