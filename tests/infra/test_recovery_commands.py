"""`up`, `plan` and `destroy` after a run that was killed: nobody is interrupted, nothing is guessed."""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli.aws
import cli.plan
import cli.recovery
import infra.aws_stack
from cli.main import cli as mtafleet
from fleet.errors import MtafleetError
from infra.plan import Change, Plan
from infra.recovery.chosen import LeftOut
from infra.recovery.locks import drop
from infra.recovery.model import Candidate, Pending, RecoveryError, Verdict
from infra.recovery.runs import Run
from infra.recovery.settling import SETTLE_SECONDS
from infra.recovery.state import pending_in
from tests.infra.test_recovery_locks import dead, lock, place

URN = "urn:pulumi:dev::mtafleet::aws:ec2/eip:Eip::10.10.0.20"
TAGS = {"Name": "dev-virginia-1"}
FRESH = datetime.now(UTC) + timedelta(days=1)  # however long the tests take
EIP = Pending(URN, "creating", {"tags": TAGS}, "us-east-1")
ADOPT = Verdict(EIP, "adopt", "AWS has made it: eipalloc-1", "eipalloc-1")
DOUBTFUL = Verdict(EIP, "doubtful", "AWS has 2", candidates=(Candidate("eipalloc-1", TAGS),))


@dataclass
class Engine:
    """Stands for the engine: one state with a pending creation, and what was asked of it."""

    begun: list[dict[str, Any]] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    imported: list[dict[str, Any]] = field(default_factory=list)
    run: list[list[str]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    written: datetime = FRESH
    interferes: bool = False

    @property
    def state(self) -> dict[str, Any]:
        if self.imported:
            return self.imported[-1]
        manifest = {"time": self.written.isoformat()}
        listed = {"resources": self.resources, "pending_operations": self.begun}
        return {"deployment": {"manifest": manifest, **listed}}

    def pulumi(self, arguments: Sequence[str], **_: object) -> str:
        match list(arguments[:2]):
            case ["stack", "export"]:
                told = json.dumps(self.state)
                if self.interferes:
                    self.begun = []
                return told
            case ["stack", "import"]:
                document = json.loads(Path(arguments[3]).read_text())
                document["deployment"].pop("pending_operations", None)  # as the engine does, with a warning
                self.imported.append(document)
                return ""
            case ["stack", "history"]:
                return json.dumps(self.history)
            case ["stack", "output"]:
                return json.dumps({"foundation": {}} if arguments[-1] == "dev-foundation" else {})
        raise AssertionError(arguments)

    def run_in_foreground(self, stack: str, arguments: Sequence[str], *_: object) -> None:
        self.run.append([stack, *arguments])


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    made = Engine(
        [{"resource": {"urn": URN, "type": EIP.type, "inputs": {"tags": TAGS}}, "type": "creating"}]
    )
    for user in ("cli.runs", "cli.recovery", "cli.maintenance.records"):
        monkeypatch.setattr(f"{user}.state_directory", lambda environment: tmp_path / environment)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/backend")
    monkeypatch.setattr(infra.aws_stack, "engine_environment", lambda *_: {})
    monkeypatch.setattr(infra.aws_stack, "pulumi", made.pulumi)
    monkeypatch.setattr(cli.plan, "preview", lambda stack, arguments, file=None: Plan(unchanged=3))
    monkeypatch.setattr(cli.aws, "run_in_foreground", made.run_in_foreground)
    find(monkeypatch, ADOPT)
    return made


def find(monkeypatch: pytest.MonkeyPatch, *verdicts: Verdict) -> None:
    monkeypatch.setattr(cli.recovery, "verdicts", lambda *_: verdicts)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(mtafleet, arguments)


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, MtafleetError), result
    return str(result.exception)


def test_up_takes_up_what_a_killed_run_began_and_goes_on(engine: Engine, tmp_path: Path) -> None:
    result = run("up", "dev")
    assert result.exit_code == 0, result
    assert "adopt    aws:ec2/eip:Eip 10.10.0.20: AWS has made it: eipalloc-1" in result.stderr
    (written,) = engine.imported
    assert written["deployment"]["resources"][0]["id"] == "eipalloc-1"
    assert engine.run[0][1] == "up"
    (line,) = (tmp_path / "dev/maintenance/log.jsonl").read_text().splitlines()
    logged = json.loads(line)
    assert (logged["command"], logged["outcome"]) == ("up", "killed run taken up")
    assert logged["adopted"] == {URN: "eipalloc-1"}


def test_destroy_takes_up_what_a_killed_run_made_so_that_it_goes_too(engine: Engine) -> None:
    assert run("destroy", "dev", "--yes").exit_code == 0
    assert len(engine.imported) == 1
    assert engine.run[0][1] == "destroy"


@pytest.mark.parametrize("command", [["plan", "dev"], ["plan", "dev", "--json"], ["preview", "dev"]])
def test_looking_changes_nothing(engine: Engine, command: list[str]) -> None:
    result = run(*command)
    assert result.exit_code == 0, result
    assert "adopt " in result.stderr
    assert "`mtafleet up dev --part fleet` takes that up first" in result.stderr
    assert engine.imported == []
    if "--json" in command:
        assert [one["becomes"] for one in json.loads(result.stdout)["unfinished"]] == ["adopt"]


def test_what_is_not_plain_stops_every_run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    find(monkeypatch, DOUBTFUL)
    for command in (["up", "dev"], ["destroy", "dev", "--yes"], ["plan", "dev"]):
        told = refused(*command)
        assert URN in told
        assert "--adopt URN=ID" in told
    assert "eipalloc-1  Name=dev-virginia-1" in run("up", "dev").stderr
    assert engine.imported == []
    assert engine.run == []


def test_the_operators_word_is_passed_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def verdicts(*given: Any) -> tuple[Verdict, ...]:
        asked.append(given[3].ids)
        return (ADOPT,)

    monkeypatch.setattr(cli.recovery, "verdicts", verdicts)
    assert run("up", "dev", "--adopt", f"{URN}=eipalloc-7", "--forget", "urn:x").exit_code == 0
    assert asked == [{URN: "eipalloc-7", "urn:x": None}]
    assert "write URN=ID" in refused("up", "dev", "--adopt", URN)


def test_what_is_to_be_adopted_must_have_been_pending_or_planned(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip in the URN would have an address made that exists."""
    find(monkeypatch, Verdict(EIP, "forget", "AWS has none"))
    told = refused("up", "dev", "--adopt", f"{URN}1=eipalloc-7")
    assert f"nothing would be made under what --adopt names:\n  {URN}1" in told
    assert engine.run == []
    engine.imported = [{"deployment": {"resources": [{"urn": URN, "id": "eipalloc-7"}]}}]
    assert "--adopt names" in refused("up", "dev", "--adopt", f"{URN}=eipalloc-8")
    assert run("up", "dev", "--adopt", f"{URN}=eipalloc-7").exit_code == 0  # an earlier run did


def test_a_region_that_is_left_out_is_left_to_the_next_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[LeftOut] = []

    def verdicts(*given: Any) -> tuple[Verdict, ...]:
        asked.append(given[3].left_out)
        return (Verdict(EIP, "leave", "us-east-1 is left out"),)

    monkeypatch.setattr(cli.recovery, "verdicts", verdicts)
    provider = "urn:pulumi:dev::mtafleet::pulumi:providers:aws::aws-virginia"
    inputs = {"region": "us-east-1"}
    engine.resources = [{"urn": provider, "type": "pulumi:providers:aws", "id": "x", "inputs": inputs}]
    for name in ("virginia", "us-east-1"):
        assert run("up", "dev", "--without", name, "--refresh").exit_code == 0
    assert [one.regions for one in asked] == [{"virginia"}, {"us-east-1"}]
    assert engine.imported == []
    for _stack, *arguments in engine.run:
        assert arguments[-3:] == ["--refresh", f"--exclude={provider}", "--exclude-dependents"]
    assert "dev has nothing there yet" in refused("up", "dev", "--without", "ireland")
    assert "it has eu-west-1, ireland" in refused("up", "dev", "--without", "mars")
    assert "has no such region on AWS" in refused("up", "lab", "--without", "us-east-1")


def test_what_is_left_pending_is_remembered_when_the_rest_is_taken_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine imports no state with anything pending: until the region is back, this computer knows."""
    west = Pending(URN.replace("10.10.0.20", "10.11.0.20"), "creating", {"tags": TAGS}, "us-west-2")
    resource = {"urn": west.urn, "type": west.type, "inputs": dict(west.inputs)}
    engine.begun.append({"resource": resource, "type": "creating"})
    find(monkeypatch, ADOPT, Verdict(west, "leave", "us-west-2 is left out"))
    assert run("up", "dev", "--exclude", "**west**").exit_code == 0
    assert len(engine.imported) == 1

    asked: list[Any] = []

    def verdicts(*given: Any) -> tuple[Verdict, ...]:
        asked.append(pending_in({"deployment": {**given[0]["deployment"], "resources": []}}))
        return (Verdict(west, "forget", "AWS has none"),)

    monkeypatch.setattr(cli.recovery, "verdicts", verdicts)
    monkeypatch.setattr("infra.recovery.state.provider_regions", lambda _: {"": "us-west-2"})
    assert run("up", "dev").exit_code == 0
    assert [[one.urn for one in pending] for pending in asked] == [[west.urn]]
    assert run("up", "dev").exit_code == 0
    assert len(asked) == 1


def test_a_state_that_someone_else_changes_meanwhile_is_left_alone(engine: Engine) -> None:
    engine.interferes = True
    assert "changed by someone else meanwhile" in refused("up", "dev")
    assert engine.imported == []


@pytest.mark.parametrize("here", [True, False])
def test_a_lock_is_broken_only_when_that_is_said(engine: Engine, tmp_path: Path, here: bool) -> None:
    computer = socket.gethostname() if here else "elsewhere"
    file = place(tmp_path / "backend", "dev", lock(dead(), computer))
    told = refused("up", "dev")
    assert f"dev is locked by ann@{computer}" in told
    assert "--take-over" in told
    assert file.exists()
    assert engine.run == []
    assert run("up", "dev", "--take-over").exit_code == 0
    assert not file.exists()
    assert "lock broken" in (tmp_path / "dev/maintenance/log.jsonl").read_text()


def test_the_lock_of_our_own_killed_run_needs_no_word(engine: Engine, tmp_path: Path) -> None:
    process = dead()
    file = place(tmp_path / "backend", "dev", lock(process, socket.gethostname()))
    Run.new(tmp_path / "dev/runs/dev.json").begun(process)
    assert run("up", "dev").exit_code == 0
    assert not file.exists()
    assert not (tmp_path / "dev/runs/dev.json").exists()


def test_a_run_noted_by_another_computer_is_not_taken_for_ours(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory may be shared between computers: its process there may well be alive."""
    process, note = dead(), tmp_path / "dev/runs/dev.json"
    file = place(tmp_path / "backend", "dev", lock(process))
    with monkeypatch.context() as there:
        there.setattr("infra.recovery.runs.socket.gethostname", lambda: "elsewhere")
        Run.new(note).begun(process)
    assert "another computer, perhaps still at work" in refused("up", "dev")
    assert file.exists()
    assert note.exists()
    assert run("up", "dev", "--take-over").exit_code == 0
    assert not file.exists()
    assert note.exists()


def test_a_state_that_was_cut_short_beside_is_mended_before_the_engine_reads_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path / "backend", "dev", lock(dead()))
    torn = tmp_path / "backend/.pulumi/stacks/mtafleet/dev.json.attrs"
    torn.parent.mkdir(parents=True)
    torn.write_text('{"user.')
    asked = engine.pulumi

    def pulumi(arguments: Sequence[str], **more: object) -> str:
        assert not torn.exists()
        return asked(arguments, **more)

    monkeypatch.setattr(infra.aws_stack, "pulumi", pulumi)
    assert run("up", "dev", "--take-over").exit_code == 0
    assert not torn.exists()


def test_who_locks_the_stack_meanwhile_is_left_alone(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's run begins between the judgement and the breaking of the lock."""
    backend = tmp_path / "backend"
    place(backend, "dev", lock(dead()))
    broken = drop

    def begun_meanwhile(*given: Any) -> None:
        place(backend, "dev", lock(4711), name="newcomer")
        broken(*given)

    monkeypatch.setattr(cli.recovery, "drop", begun_meanwhile)
    assert "ann@elsewhere (process 4711" in refused("up", "dev", "--take-over")
    assert [file.stem for file in backend.glob("**/*.json")] == ["newcomer"]
    assert engine.imported == []
    assert engine.run == []


def test_who_is_at_work_is_never_interrupted(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.recovery.locks._is_engine", lambda process: True)
    file = place(tmp_path / "backend", "dev", lock(4711, socket.gethostname()))
    assert "is at work on dev" in refused("up", "dev", "--take-over")
    assert file.exists()
    assert "dev is locked by" in run("plan", "dev").stderr


def test_a_state_in_order_costs_no_look_at_aws(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> tuple[Verdict, ...]:
        raise AssertionError("asked")

    engine.begun = []
    monkeypatch.setattr(cli.recovery, "verdicts", never)
    assert run("up", "dev").exit_code == 0
    assert engine.imported == []


PROVIDER = "urn:pulumi:dev::mtafleet::pulumi:providers:aws::aws-virginia"
KNOWN = {"urn": PROVIDER, "type": "pulumi:providers:aws", "id": "x", "inputs": {"region": "us-east-1"}}


@pytest.fixture
def looks(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A plan that makes an Elastic IP, which AWS has and shows at the second look; what was done."""
    done: list[str] = []
    provider = {"type": KNOWN["type"], "custom": True, "inputDiff": {"adds": KNOWN["inputs"]}}
    goal = {"type": EIP.type, "custom": True, "provider": f"{PROVIDER}::x", "inputDiff": {"adds": {}}}

    def preview(stack: object, arguments: object, file: Path) -> Plan:
        made = URN in (one["urn"] for one in engine.state["deployment"]["resources"])
        goals = {URN: goal, **({} if engine.resources else {PROVIDER: provider})}
        plans = {urn: {"goal": one, "steps": ["create"]} for urn, one in goals.items()}
        file.write_text(json.dumps({"resourcePlans": plans}))
        return Plan() if made else Plan((Change(URN, "created"),))

    def strays(document: object, assumed: dict[str, Any], *_: object) -> tuple[Verdict, ...]:
        done.append("looked")
        planned = replace(pending_in(assumed)[0])
        return (Verdict(planned, "adopt", "AWS has eipalloc-1", "eipalloc-1"),) if "waited" in done else ()

    engine.begun, engine.resources = [], [KNOWN]
    monkeypatch.setattr(cli.plan, "preview", preview)
    monkeypatch.setattr(cli.recovery, "strays", strays)
    monkeypatch.setattr("cli.recovery.time.sleep", lambda seconds: done.append("waited"))
    return done


def ended(result: str, earlier: timedelta = timedelta(0)) -> dict[str, Any]:
    """As the engine tells it, in whole seconds."""
    return {"result": result, "endTime": f"{FRESH - earlier:%Y-%m-%dT%H:%M:%S}.000Z"}


@pytest.mark.parametrize("history", [[], [ended("failed")], [ended("succeeded", timedelta(minutes=5))]])
def test_after_a_bad_end_what_does_not_show_yet_is_waited_for(
    engine: Engine, looks: list[str], history: list[dict[str, Any]]
) -> None:
    """An answer was lost, or the run killed: then its end is in no history."""
    engine.history = history
    told = run("up", "dev")
    assert told.exit_code == 0, told
    assert looks == ["looked", "waited", "looked"]
    assert "did not end well: waiting 60 s, AWS may not show yet" in told.stderr
    assert engine.imported[0]["deployment"]["resources"][-1]["id"] == "eipalloc-1"


def test_after_a_good_end_or_none_at_all_nothing_is_waited_for(engine: Engine, looks: list[str]) -> None:
    engine.history = [ended("succeeded")]
    assert run("up", "dev").exit_code == 0
    engine.history, engine.resources = [], []  # as `pulumi stack init` leaves it
    assert run("up", "dev").exit_code == 0
    assert looks == ["looked", "looked"]


def test_long_after_a_bad_end_nothing_is_waited_for(engine: Engine, looks: list[str]) -> None:
    engine.history, engine.written = [ended("failed")], datetime.now(UTC) - timedelta(seconds=SETTLE_SECONDS)
    assert run("up", "dev").exit_code == 0
    assert looks == ["looked"]


@pytest.mark.parametrize("left_out", [("--without", "ireland"), ("--exclude", "**aws-ireland")])
def test_a_lost_state_is_not_taken_up_in_part(engine: Engine, left_out: tuple[str, str]) -> None:
    told = refused("up", "dev", "--adopt-lost", *left_out)
    assert f"--adopt-lost cannot leave out {left_out[1]}. Nothing was changed" in told
    assert "take it out of the environment file" in told
    assert engine.run == []
    assert engine.imported == []


def test_a_lost_state_and_a_dead_region_end_the_run_with_what_helps(
    engine: Engine, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To leave the region out, as otherwise, would not help."""

    def dead(*_: object) -> tuple[Verdict, ...]:
        raise RecoveryError("AWS cannot be asked in eu-west-1\n`--without eu-west-1` leaves it out")

    monkeypatch.setattr(cli.recovery, "strays", dead)
    assert "leaves it out" in refused("up", "dev")
    told = refused("up", "dev", "--adopt-lost")
    assert told.startswith("AWS cannot be asked in eu-west-1\nNothing was changed. A state that was lost")
    assert "--without" not in told
    assert engine.run == []
    assert engine.imported == []
