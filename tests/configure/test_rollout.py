"""The order in which a fleet is changed, and where a change stops."""

from collections.abc import Iterator

import pytest

from fleet.inventory import NodeModel
from infra.configure import run
from infra.configure.prepare import Layout
from infra.configure.progress import EventReader, Failure, NodeReport
from infra.configure.rollout import await_service, plan_rollout
from infra.configure.run import Request
from infra.ssh_way import SshWay
from tests.configure.test_run import PROJECT

MTA = {"east-1", "east-2", "west-1", "west-2"}


def test_a_fleet_that_serves_is_changed_one_node_first_then_site_by_site(nodes: dict[str, NodeModel]) -> None:
    batches = plan_rollout(nodes, nodes, MTA).batches
    assert batches[0] == ("east-1",)
    assert set(batches[1]) == {"east-2", "witness-1", "app-1"}
    assert set(batches[2]) == {"west-1", "west-2"}
    assert len(batches) == 3


def test_a_dead_node_never_goes_first(nodes: dict[str, NodeModel]) -> None:
    batches = plan_rollout(nodes, nodes, MTA - {"east-1"}).batches
    assert batches[0] == ("east-2",)
    assert "east-1" in batches[1]


def test_a_fleet_that_does_not_serve_yet_is_worked_on_at_once(nodes: dict[str, NodeModel]) -> None:
    assert plan_rollout(nodes, nodes, {"witness-1"}).batches == (tuple(nodes),)


@pytest.mark.parametrize(
    ("limit", "batches"),
    [
        (("west-2",), (("west-2",),)),
        (("west-2", "east-1"), (("west-2",), ("east-1",))),
        (("witness-1",), (("witness-1",),)),
    ],
)
def test_only_what_was_asked_for_is_planned(
    nodes: dict[str, NodeModel], limit: tuple[str, ...], batches: tuple[tuple[str, ...], ...]
) -> None:
    assert plan_rollout(nodes, limit, MTA).batches == batches


def test_waiting_ends_when_all_are_back_or_the_time_is_up() -> None:
    now = [0.0]
    answers: Iterator[set[str]] = iter([set(), {"east-1"}, {"east-1", "east-2"}])

    def sleep(seconds: float) -> None:
        now[0] += seconds

    assert await_service({"east-1", "east-2"}, lambda: next(answers), clock=lambda: now[0], sleep=sleep) == []
    assert await_service({"east-1", "east-2"}, lambda: {"east-2"}, clock=lambda: now[0], sleep=sleep) == [
        "east-1"
    ]


class Fleet:
    """Stands for Ansible and for the daemons: every node changes, `fails` fail, `breaks` leave service."""

    def __init__(self, fails: set[str], breaks: set[str]) -> None:
        self.fails, self.breaks = fails, breaks
        self.touched: list[str] = []
        self.status = "successful"

    def run(self, reader: EventReader, batch: tuple[str, ...]) -> "Fleet":
        for name in batch:
            self.touched.append(name)
            reader.nodes[name].changed.append("/etc/x")
            if name in self.fails:
                reader.nodes[name].failures.append(Failure("postfix", "Install the tree", "no"))
        return self

    def serving(self) -> set[str]:
        return MTA - (self.breaks & set(self.touched))


@pytest.mark.parametrize(
    ("fails", "breaks", "message", "touched"),
    [
        (set(), set(), "", 6),
        ({"east-1"}, set(), "east-1 could not be configured. Not touched: ", 1),
        (set(), {"east-1"}, "east-1 did not come back into service. Not touched: ", 1),
        (set(), {"east-2"}, "east-2 did not come back into service. Not touched: west-1, west-2", 4),
        ({"witness-1"}, set(), "", 6),
    ],
)
def test_a_change_that_does_harm_goes_no_further(
    nodes: dict[str, NodeModel],
    monkeypatch: pytest.MonkeyPatch,
    fails: set[str],
    breaks: set[str],
    message: str,
    touched: int,
) -> None:
    fleet = Fleet(fails, breaks)
    reader = EventReader(list(nodes), _Nobody())
    monkeypatch.setattr(run, "_run_ansible", lambda _request, _layout, batch, *_: fleet.run(reader, batch))
    monkeypatch.setattr(run, "await_service", lambda names, serving: sorted(set(names) - set(serving())))
    request = Request(PROJECT, nodes, serving=fleet.serving)
    completed, said = run._roll_out(request, Layout(PROJECT, PROJECT, SshWay(PROJECT)), reader, lambda: False)
    assert (completed, len(fleet.touched)) == (not message, touched)
    assert message in said


class _Nobody:
    def started(self, node: str, role: str, task: str) -> None:
        """Nobody looks."""

    def finished(self, node: NodeReport, role: str, task: str) -> None:
        """Nobody looks."""
