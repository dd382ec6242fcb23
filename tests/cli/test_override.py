"""`pause`, `resume` and `override`: given to every node, and waited for."""

from collections.abc import Mapping, Sequence

import pytest
from click.testing import CliRunner

from cli.main import cli as mtafleet
from cli.maintenance.override import HEED_SECONDS, give
from cli.maintenance.work import Watch
from failover.agreement import objections
from failover.overview import Observer, overview
from infra.ssh import Reply
from tests.cli.fake_nodes import NODES, FakeNodes

PAUSE = {"owner": "ada@ops-1", "reason": "looking", "since": "s", "until": "2026-05-04T14:00:00Z"}


class Daemons(FakeNodes):
    """Nodes whose daemons heed a pause `late` looks after it was given; `deaf` ones never do."""

    def __init__(self, late: int = 0, deaf: str = "", unreachable: str = "") -> None:
        super().__init__()
        self.late, self.deaf, self.unreachable = late, deaf, unreachable
        self.words: list[str] = []

    def order(self, words: Sequence[str]) -> Mapping[str, Reply]:
        self.words = list(words)
        return {
            node: Reply(problem="no route") if node == self.unreachable else Reply("{}") for node in NODES
        }

    def observers(self) -> Sequence[Observer]:
        self.late -= 1
        return [
            Observer(node, "east", "mta", {"maintenance": {"pause": PAUSE if self._heeds(node) else None}})
            for node in NODES
        ]

    def _heeds(self, node: str) -> bool:
        return self.late < 0 and node != self.deaf


def is_paused(one: Observer) -> bool:
    return bool((one.status or {})["maintenance"]["pause"])


def watch() -> tuple[Watch, list[float]]:
    slept: list[float] = []
    return Watch(clock=lambda: sum(slept), sleep=slept.append), slept


def test_it_waits_until_every_daemon_heeds() -> None:
    nodes, (time, slept) = Daemons(late=3), watch()
    assert give(nodes, ["pause"], is_paused, time) == []
    assert len(slept) == 3
    assert nodes.words == ["pause"]


def test_nodes_that_cannot_be_told_and_daemons_that_do_not_heed_are_named() -> None:
    nodes, (time, slept) = Daemons(deaf="west-1", unreachable="east-1"), watch()
    assert give(nodes, ["pause"], is_paused, time) == [
        "east-1 did not take it: no route",
        "the daemon of west-1 does not heed it",
    ]
    assert sum(slept) >= HEED_SECONDS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["override", "lab", "north-1", "in", "--reason", "x"], "lab has no node north-1"),
        (["override", "lab", "east-1", "in"], "--reason is needed"),
        (["override", "lab", "east-1", "up"], "'up' is not one of"),
        (["pause", "lab", "--reason", "two\nlines"], "--reason: expected one line"),
        (["pause", "lab"], "Missing option '--reason'"),
        (["explain", "lab", "north-1"], "lab has no node north-1"),
    ],
)
def test_mistakes_are_refused_before_any_node_is_asked(words: list[str], said: str) -> None:
    result = CliRunner().invoke(mtafleet, words)
    assert result.exit_code != 0
    assert said in result.output + str(result.exception)


def test_a_paused_fleet_says_so_and_refuses_drains() -> None:
    nodes = Daemons()
    found = overview(nodes.observers())
    assert found.nodes[0].daemon == "paused until 2026-05-04T14:00:00Z by ada@ops-1: looking"
    assert "the daemon of east-1 is paused: `mtafleet resume` first" in objections(
        nodes.observers(), "east-2", 50
    )


def overriding(to: str) -> Observer:
    maintenance = {"overrides": {"east-2": {"to": to, **PAUSE}}}
    return Observer("east-1", "east", "mta", {"maintenance": maintenance})


def test_a_node_that_people_hold_in_service_is_not_drained() -> None:
    found = objections([overriding("in")], "east-2", 50)
    assert len(found) == 1
    assert "`mtafleet override ENVIRONMENT east-2 none` first" in found[0]
    assert objections([overriding("out")], "east-2", 50) == []
