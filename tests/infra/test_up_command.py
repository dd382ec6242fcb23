from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import cli.up
from cli.main import cli as mtafleet
from fleet.errors import MtafleetError
from infra.outputs import OutputsError


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was asked of the engine, and `sweep` when the lab's leftovers were removed."""
    given: list[list[str]] = []

    def run_engine(
        environment: str, arguments: Sequence[str], object_to: Callable[[str], None] | None = None
    ) -> None:
        if object_to is not None:
            object_to(environment)
        given.append([environment, *arguments])

    monkeypatch.setattr(cli.up, "run_engine", run_engine)
    monkeypatch.setattr(cli.up, "_sweep_lab", lambda environment: given.append(["sweep", environment]))
    monkeypatch.setattr(cli.up, "_lab_is_gone", lambda environment: False)
    monkeypatch.setattr(cli.up, "read_outputs", provisioned("east-1"))
    return given


def provisioned(*nodes: str) -> Callable[[str], object]:
    """Stands for the outputs of a stack that has these nodes; none: nothing has been provisioned."""

    def read(environment: str) -> object:
        if not nodes:
            raise OutputsError("no outputs")
        return SimpleNamespace(fleet=SimpleNamespace(nodes=dict.fromkeys(nodes)))

    return read


def run(*arguments: str, answer: str | None = None) -> int:
    return CliRunner().invoke(mtafleet, arguments, input=answer, catch_exceptions=False).exit_code


def test_further_arguments_go_to_the_engine(orders: list[list[str]]) -> None:
    assert run("up", "lab", "--refresh", "--target", "x") == 0
    assert orders[0][:2] == ["lab", "up"]
    assert orders[0][-3:] == ["--refresh", "--target", "x"]
    assert run("preview", "lab", "--diff") == 0
    assert orders[1] == ["lab", "preview", "--diff"]


def test_a_node_that_the_file_no_longer_has_is_kept_unless_its_loss_is_meant(
    orders: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.up, "read_outputs", provisioned("east-1", "east-9"))
    with pytest.raises(MtafleetError, match=r"no longer has east-9.*--drop-nodes"):
        run("up", "lab")
    assert orders == []
    assert run("up", "lab", "--drop-nodes") == 0
    assert "--drop-nodes" not in orders[0]


def test_what_was_never_provisioned_can_be(orders: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.up, "read_outputs", provisioned())
    assert run("up", "lab") == 0


@pytest.mark.parametrize("arguments", [(), ("--refresh",)])
def test_a_lab_that_is_gone_is_looked_at_first(
    orders: list[list[str]], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr(cli.up, "_lab_is_gone", lambda environment: True)
    assert run("up", "lab", *arguments) == 0
    assert orders[0].count("--refresh") == 1


def test_destroy_asks_first(orders: list[list[str]]) -> None:
    assert run("destroy", "lab", answer="n\n") == 1
    assert orders == []
    assert run("destroy", "lab", answer="y\n") == 0
    assert [order[1] for order in orders] == ["destroy", "lab"]


def test_destroy_removes_what_a_killed_run_left(orders: list[list[str]]) -> None:
    assert run("destroy", "lab", "--yes") == 0
    assert orders[-1] == ["sweep", "lab"]


def test_an_unknown_environment_is_one_message() -> None:
    with pytest.raises(MtafleetError, match="no environment"):
        run("up", "nowhere")
