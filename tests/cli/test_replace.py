"""Replacing a node: its steps, what a broken-off one leaves, the machine in the lab and on AWS, records."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import cli.maintenance.machine
import cli.maintenance.replace
from cli.main import cli as mtafleet
from cli.maintenance.errors import MaintenanceError
from cli.maintenance.journal import Journal, open_journal
from cli.maintenance.records import record, record_file
from cli.recovery_options import Consent
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.aws_stack import AwsStack
from infra.engine.urns import urn_in
from infra.recovery.chosen import LeftOut


def test_the_urn_of_a_living_machine_is_found() -> None:
    def one(name: str, **more: object) -> dict[str, object]:
        urn = f"urn:pulumi:lab::mtafleet::mtafleet:index:Node$mtalab:index:Machine::{name}"
        return {"urn": urn, "type": "mtalab:index:Machine", **more}

    export = json.dumps({"deployment": {"resources": [one("east-1", delete=True), one("west-1")]}})
    assert urn_in(export, "mtalab:index:Machine", "east-1") is None
    found = urn_in(export, "mtalab:index:Machine", "west-1")
    assert found is not None
    assert found.endswith("Machine::west-1")
    assert urn_in(export, "mtalab:index:Disk", "west-1") is None
    assert urn_in('{"deployment": {}}', "mtalab:index:Machine", "west-1") is None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in ("cli.runs", "cli.maintenance.records", "cli.maintenance.journal"):
        monkeypatch.setattr(f"{module}.state_directory", lambda environment: tmp_path / environment)
    return tmp_path / "lab" / "maintenance"


@pytest.fixture
def steps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps of a replacement as they are made; a test may put a failing one in."""
    made: list[str] = []
    monkeypatch.setattr(
        cli.maintenance.replace, "_run", lambda words: made.append(" ".join(words[:1] + words[-1:]))
    )
    monkeypatch.setattr(
        cli.maintenance.replace,
        "replace_machine",
        lambda fleet, journal, *, again: made.append(f"machine {journal.node}{' again' * again}"),
    )
    return made


def replace(*words: str) -> click.testing.Result:
    return CliRunner().invoke(mtafleet, ["replace", "lab", *words])


ALL_STEPS = ["drain 600s", "machine east-1", "configure east-1", "undrain east-1"]


def test_a_replacement_goes_through_its_steps_and_records_them(steps: list[str], folder: Path) -> None:
    done = replace("east-1", "--json")
    assert done.exit_code == 0, done.output
    assert steps == ALL_STEPS
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["outcome"] for line in lines] == [
        "drain done",
        "machine done",
        "configure done",
        "undrain done",
        "replaced",
    ]
    assert all(line["who"] and line["at"] and line["node"] == "east-1" for line in lines)
    assert not (folder / "replacing.json").exists()


def failing(raised: BaseException, *machines: str) -> Callable[..., None]:
    def work(fleet: Fleet, journal: Journal, *, again: bool) -> None:
        for one in machines:
            journal.note_machine(one)
        raise raised

    return work


@pytest.mark.parametrize(("raised", "status"), [(MaintenanceError("no room"), 1), (KeyboardInterrupt(), 130)])
def test_a_broken_off_replacement_is_taken_up_after_the_last_step_that_was_done(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, raised: BaseException, status: int
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(cli.maintenance.replace, "replace_machine", failing(raised))
        assert replace("east-1").exit_code == status
    other = replace("west-1")
    assert "the replacement of east-1" in str(other.exception)
    assert steps == ALL_STEPS[:1]
    assert replace("east-1").exit_code == 0
    assert steps == ALL_STEPS


def test_an_order_that_has_run_out_meanwhile_is_given_again(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(cli.maintenance.replace, "replace_machine", failing(MaintenanceError("no room")))
        assert replace("east-1").exit_code == 1
    late = datetime.now(UTC) + timedelta(hours=3)
    monkeypatch.setattr("cli.maintenance.journal.now", lambda: late)
    assert replace("east-1").exit_code == 0
    assert steps == [ALL_STEPS[0], *ALL_STEPS]


def test_a_new_machine_that_never_answered_is_not_drained_and_can_be_had_anew(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no mail yet, however long ago the old one was drained."""
    with monkeypatch.context() as broken:
        silent = failing(MaintenanceError("does not answer"), "i-old", "i-new")
        broken.setattr(cli.maintenance.replace, "replace_machine", silent)
        assert replace("east-1").exit_code == 1
    assert open_journal("lab", "east-1").made == "i-new"
    late = datetime.now(UTC) + timedelta(hours=3)
    monkeypatch.setattr("cli.maintenance.journal.now", lambda: late)
    assert replace("east-1", "--again").exit_code == 0
    assert steps == [ALL_STEPS[0], "machine east-1 again", *ALL_STEPS[2:]]


def test_a_machine_that_is_configured_is_not_thrown_away(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(words: Sequence[str]) -> None:
        if words[0] == "undrain":
            raise MaintenanceError("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(cli.maintenance.replace, "_run", run)
        assert replace("east-1").exit_code == 1
    assert "configured; finish this replacement without --again" in str(
        replace("east-1", "--again").exception
    )
    assert replace("east-1").exit_code == 0
    assert steps == [ALL_STEPS[1], ALL_STEPS[3]]


def test_a_rehearsal_replaces_nothing(steps: list[str], folder: Path) -> None:
    done = replace("east-1", "--dry-run")
    assert done.exit_code == 0
    assert steps == ["drain --dry-run"]
    assert not folder.exists()


def test_only_nodes_that_carry_mail_can_be_taken_out(steps: list[str]) -> None:
    done = replace("witness-1")
    assert "no node witness-1 that carries mail; there are east-1, east-2, west-1, west-2" in str(
        done.exception
    )
    assert steps == []


class Engine:
    """Takes down what is asked of the engine."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, replacing: str = "", adopted: frozenset[str] = frozenset()
    ) -> None:
        self.asked: list[str] = []
        self.machine = "i-old"
        self.answers = True
        self._replacing = replacing
        module = cli.maintenance.machine
        monkeypatch.setattr(module, "engine_environment", lambda environment: {})
        monkeypatch.setattr(module, "find_urn", lambda *_: "urn:x::east-1")
        monkeypatch.setattr(module, "run_engine", lambda _, words: self.asked.append(" ".join(words)))
        monkeypatch.setattr(AwsStack, "of", lambda environment, part: self)
        monkeypatch.setattr(module, "alone", lambda *_: nullcontext())
        monkeypatch.setattr(module, "take_up", lambda *_: adopted)
        monkeypatch.setattr(module, "up_on_aws", self.up_on_aws)
        monkeypatch.setattr(module, "_await_answer", self.await_answer)

    name = "staging"
    left_out = LeftOut()

    def up_on_aws(
        self, _: object, part: str, words: Sequence[str], *, drop_nodes: bool, consent: Consent
    ) -> None:
        self.asked.append(" ".join(words))
        self.left_out = consent.chosen.left_out
        if words:
            self.machine = f"{self.machine}-replaced"

    def await_answer(self, _: str, node: str) -> None:
        self.asked.append(f"await {node}")
        if not self.answers:
            raise MaintenanceError("does not answer")

    def call(self, words: Sequence[str]) -> str:
        """As `AwsStack.call`."""
        if words[0] == "stack":
            machine = {"urn": "urn:x::virginia-1", "type": "aws:ec2/instance:Instance", "id": self.machine}
            return json.dumps({"deployment": {"resources": [machine]}})
        self.asked.append(" ".join(words))
        return self._replacing


ONLY = "--target-replace urn:x::east-1 --target-dependents"
ONLY_AWS = ONLY.replace("east-1", "virginia-1")


def journal_of(tmp_path: Path, node: str = "virginia-1", *machines: str) -> Journal:
    return Journal(tmp_path / "replacing.json", node, "ann", "today", machines=[*machines])


STAGING = Fleet.of(load_environment("staging"))


def test_in_a_lab_one_machine_and_what_hangs_on_it_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = Engine(monkeypatch)
    lab = Fleet.of(load_environment("lab"))
    cli.maintenance.machine.replace_machine(lab, journal_of(tmp_path, "east-1"))
    assert engine.asked == [f"up --yes --skip-preview --suppress-outputs {ONLY}"]


def test_on_aws_the_stack_says_meanwhile_which_node_takes_the_pinned_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = Engine(monkeypatch)
    cli.maintenance.machine.replace_machine(STAGING, journal_of(tmp_path))
    assert engine.asked == [
        "config get mtafleet:replacing",
        "config set --path mtafleet:replacing[0] virginia-1",
        ONLY_AWS,
        "config rm mtafleet:replacing",
        "await virginia-1",
    ]
    assert engine.left_out == LeftOut(only="virginia")  # what is pending elsewhere may wait


def test_on_aws_a_machine_that_a_killed_run_had_made_is_not_replaced_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = Engine(monkeypatch, adopted=frozenset({"urn:x::virginia-1"}))
    cli.maintenance.machine.replace_machine(STAGING, journal_of(tmp_path))
    assert engine.asked[2] == ""
    assert engine.left_out == LeftOut()  # a plain `up` goes everywhere


def test_on_aws_a_machine_that_does_not_answer_is_waited_for_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine, journal = Engine(monkeypatch), journal_of(tmp_path)
    engine.answers = False
    with pytest.raises(MaintenanceError):
        cli.maintenance.machine.replace_machine(STAGING, journal)
    assert journal.machines == ["i-old", "i-old-replaced"]
    assert json.loads(journal.file.read_text())["machines"] == journal.machines
    engine.asked, engine.answers = [], True
    cli.maintenance.machine.replace_machine(STAGING, journal)
    assert engine.asked == ["await virginia-1"]
    cli.maintenance.machine.replace_machine(STAGING, journal, again=True)
    assert engine.machine == "i-old-replaced-replaced"
    assert journal.made == engine.machine


def test_on_aws_a_killed_replacement_that_had_made_the_machine_is_finished(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The state has another machine than the one that was to go; what is bound to it may be missing."""
    engine, journal = Engine(monkeypatch), journal_of(tmp_path, "virginia-1", "i-older")
    cli.maintenance.machine.replace_machine(STAGING, journal)
    assert engine.asked[2:] == ["", "config rm mtafleet:replacing", "await virginia-1"]
    assert journal.machines == ["i-older", "i-old"]


def test_on_aws_a_second_replacement_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = Engine(monkeypatch, '["west-1"]')
    with pytest.raises(MaintenanceError, match="replace one node at a time"):
        cli.maintenance.machine.replace_machine(STAGING, journal_of(tmp_path))
    assert engine.asked == ["config get mtafleet:replacing"]


def test_records_are_lines_that_say_who_when_and_why(folder: Path) -> None:
    record("lab", "drain", "east-1", "begun", reason="new disk")
    record("lab", "drain", "east-1", "drained", queued=0)
    first, second = (json.loads(line) for line in record_file("lab").read_text().splitlines())
    assert (first["command"], first["reason"], second["outcome"]) == ("drain", "new disk", "drained")
    assert "@" in first["who"]
