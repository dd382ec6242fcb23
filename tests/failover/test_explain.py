"""`mtafleet explain` in words, from what daemons say of themselves."""

from typing import Any

from cli.explain import told
from failover.explain import explain, fleet_notes
from failover.overview import Observer

FINE = {"in_service": True, "healthy": True, "reason": "healthy", "fault": None, "weight_percent": 100}
DEAD = {
    "in_service": False,
    "healthy": False,
    "reason": "nothing is heard from the node",
    "fault": "black hole",
    "weight_percent": 0,
}
KEPT = {**DEAD, "in_service": True, "reason": f"{DEAD['reason']}, but kept because too few would be left"}
BACK = {**FINE, "weight_percent": 10}
PAUSE = {"owner": "ada@ops-1", "reason": "looking", "since": "s", "until": "2026-05-04T14:00:00Z"}


def observer(node: str, west: dict[str, Any], **more: Any) -> Observer:
    status = {
        "node": node,
        "doubt": None,
        "pools": {
            pool: {"east-1": {"relay": FINE, "entry": FINE}, "west-1": {"relay": west, "entry": west}}
            for pool in ("orders", "news")
        },
        "maintenance": {"orders": {}, "overrides": {}, "pause": None},
        "recent": [],
        **more,
    }
    return Observer(node, node.partition("-")[0], "mta", status)


def test_what_daemons_say_alike_is_told_once() -> None:
    east, west = explain([observer("east-1", DEAD), observer("east-2", DEAD)])
    assert (east.node, east.verdict) == ("east-1", "in service")
    assert (west.node, west.verdict) == ("west-1", "out")
    assert [one.sentence for one in west.views] == [
        "OUT: nothing is heard from the node [black hole] "
        "(orders instance, orders entry, news instance, news entry; say east-1, east-2)"
    ]


def test_daemons_that_differ_are_named() -> None:
    (west,) = explain([observer("east-1", DEAD), observer("east-2", KEPT)], "west-1")
    assert west.verdict == "divided"
    assert [(one.in_service, one.said_by) for one in west.views] == [
        (False, ("east-1",)),
        (True, ("east-2",)),
    ]


def test_one_on_its_way_back_says_how_far_it_is() -> None:
    (west,) = explain([observer("east-1", BACK)], "west-1")
    assert west.views[0].sentence.startswith("in service at 10 % of its weight: healthy (orders instance")


def test_people_and_troubles_are_told() -> None:
    override = {"to": "in", **PAUSE}
    first = observer(
        "east-1",
        KEPT,
        maintenance={"orders": {"west-1": PAUSE}, "overrides": {"west-1": override}, "pause": PAUSE},
        recent=[
            {"at": 2, "node": "west-1", "reason": "It left."},
            {"at": 1, "node": "west-1", "reason": "It was late."},
            {"at": 3, "node": "east-1", "reason": "Another."},
        ],
    )
    gone = Observer("west-1", "west", "mta", None, "no route to host")
    lines = told(fleet_notes([first, gone]), explain([first, gone], "west-1"))
    assert lines == [
        "note: the daemon of east-1 acts on nothing until 2026-05-04T14:00:00Z, by ada@ops-1: looking",
        "note: the daemon of west-1 cannot be asked: no route to host",
        "west-1: in service",
        f"  in service: {KEPT['reason']} [black hole] "
        "(orders instance, orders entry, news instance, news entry; says east-1)",
        "  ordered out until 2026-05-04T14:00:00Z by ada@ops-1: looking",
        "  overridden to be in until 2026-05-04T14:00:00Z by ada@ops-1: looking",
        "  its own daemon cannot be asked: no route to host",
        "  lately, east-1: It was late.",
        "  lately, east-1: It left.",
    ]
