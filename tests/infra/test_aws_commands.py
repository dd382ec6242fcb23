"""`up`, `preview`, `destroy` and `plan` on AWS: which stack, in which order, and nothing applied unjudged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli.aws
import cli.plan
import infra.aws_stack
from cli.main import cli as mtafleet
from fleet.errors import MtafleetError
from infra.aws_stack import POLICY_PACK, AwsStack
from infra.engine import EngineError
from infra.plan import Change, Plan, PlanError
from tests.infra.plan_events import urn

EIP = "aws:ec2/eip:Eip"
MACHINE = "aws:ec2/instance:Instance"
FOUNDATION: Mapping[str, Any] = {"foundation": {"addresses": {}}}
WITH_POLICIES = ["--policy-pack", str(POLICY_PACK)]


@dataclass
class Engine:
    """Stands for the engine: its stacks' outputs, the plan that it would tell, and what was asked of it."""

    stacks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)
    plan: Plan = Plan(unchanged=3)  # noqa: RUF009 - immutable
    planned: list[tuple[str, list[str]]] = field(default_factory=list)
    run: list[tuple[str, list[str]]] = field(default_factory=list)

    def pulumi(self, arguments: Sequence[str], **_: object) -> str:
        name = arguments[-1]
        if name not in self.stacks:
            raise EngineError(f"error: no stack named '{name}' found")
        if list(arguments[:2]) == ["stack", "export"]:
            listed = [
                {"urn": one, "type": EIP, "protect": one in self.protected} for one in ("eip", "record")
            ]
            return json.dumps({"deployment": {"resources": listed}})
        assert list(arguments[:3]) == ["stack", "output", "--json"]
        return json.dumps(self.stacks[name])

    def preview(self, stack: AwsStack, arguments: Sequence[str], file: Path | None = None) -> Plan:
        self.planned.append((stack.name, list(arguments)))
        return self.plan

    def run_in_foreground(self, stack: str, arguments: Sequence[str], *_: object) -> None:
        self.run.append((stack, list(arguments)))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    engine = Engine({"dev": {}, "dev-foundation": FOUNDATION})
    for user in ("cli.runs", "cli.recovery", "cli.maintenance.records"):
        monkeypatch.setattr(f"{user}.state_directory", lambda environment: tmp_path / environment)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/backend")
    monkeypatch.setattr(infra.aws_stack, "engine_environment", lambda *_: {})
    monkeypatch.setattr(infra.aws_stack, "pulumi", engine.pulumi)
    monkeypatch.setattr(cli.plan, "preview", engine.preview)
    monkeypatch.setattr(cli.aws, "run_in_foreground", engine.run_in_foreground)
    return engine


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(mtafleet, arguments, input=answer, catch_exceptions=True)


def refused(*arguments: str) -> str:
    """What a command says that a user's mistake has ended."""
    result = run(*arguments)
    assert isinstance(result.exception, MtafleetError), result
    return str(result.exception)


def test_up_means_the_fleet_unless_the_foundation_is_named(engine: Engine) -> None:
    assert run("up", "dev", "--refresh").exit_code == 0
    assert run("up", "dev", "--part", "foundation").exit_code == 0
    fleet, foundation = engine.run
    assert fleet[0] == "dev"
    assert fleet[1][:2] == ["up", "--yes"]
    assert fleet[1][-1] == "--refresh"
    assert foundation[0] == "dev-foundation"
    assert engine.planned == [("dev", ["--refresh"]), ("dev-foundation", [])]


def test_every_run_is_held_to_the_policies(engine: Engine) -> None:
    run("up", "dev")
    run("preview", "dev", "--diff")
    for _stack, arguments in engine.run:
        at = arguments.index(WITH_POLICIES[0])
        assert arguments[at : at + 2] == WITH_POLICIES
    assert engine.run[1][1][-1] == "--diff"


@pytest.mark.parametrize("command", ["up", "preview", "plan"])
@pytest.mark.parametrize("foundation", [None, {}])
def test_the_foundation_comes_first(
    engine: Engine, command: str, foundation: Mapping[str, Any] | None
) -> None:
    del engine.stacks["dev-foundation"]
    if foundation is not None:
        engine.stacks["dev-foundation"] = foundation
    told = refused(command, "dev")
    assert "dev has no foundation yet" in told
    assert "`mtafleet up dev --part foundation`" in told
    assert not engine.run


def test_a_stack_is_never_made_in_passing(engine: Engine) -> None:
    engine.stacks.clear()
    told = refused("up", "dev", "--part", "foundation")
    assert "`pulumi stack init dev-foundation --secrets-provider" in told
    assert not engine.run


def test_a_plan_that_passes_is_applied_after_it_was_shown(engine: Engine) -> None:
    engine.plan = Plan((Change(urn(MACHINE, "virginia-1"), "replaced", ("ami",)),), 40)
    result = run("up", "dev")
    assert result.exit_code == 0
    assert "virginia-1" in result.output
    assert "dev: 1 replaced, 40 unchanged" in result.output
    assert len(engine.run) == 1


def test_a_plan_that_loses_an_address_is_never_applied(engine: Engine) -> None:
    engine.plan = Plan((Change(urn(EIP, "10.10.0.21", stack="dev-foundation"), "replaced", ("domain",)),))
    told = refused("up", "dev", "--part", "foundation", "--drop-nodes")
    assert "the address `10.10.0.21` would be replaced" in told
    assert not engine.run


def test_a_node_that_the_file_no_longer_has_goes_only_when_that_is_meant(engine: Engine) -> None:
    engine.plan = Plan((Change(urn(MACHINE, "virginia-9"), "deleted"),))
    assert "no longer has virginia-9" in refused("up", "dev")
    assert not engine.run
    assert run("up", "dev", "--drop-nodes").exit_code == 0
    assert len(engine.run) == 1


def test_a_preview_that_fails_ends_the_run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Plan:
        raise PlanError("the preview of dev failed")

    monkeypatch.setattr(cli.plan, "preview", fails)
    assert "failed" in refused("up", "dev")
    assert not engine.run


def test_the_plan_for_machines_has_names_and_judgement(engine: Engine) -> None:
    engine.plan = Plan(
        (
            Change(urn(EIP, "10.10.0.21"), "deleted"),
            Change(urn(MACHINE, "virginia-1"), "changed", ("tags.Name",)),
            Change(urn(MACHINE, "ireland-1"), "created"),
        ),
        7,
    )
    result = run("plan", "dev", "--json")
    assert isinstance(result.exception, MtafleetError)
    document = json.loads(result.stdout)
    assert (document["stack"], document["part"], document["unchanged"]) == ("dev", "fleet", 7)
    assert [one["name"] for one in document["deleted"]] == ["10.10.0.21"]
    assert document["changed"][0]["properties"] == ["tags.Name"]
    assert document["allowed"] is False
    assert "10.10.0.21" in document["refused"][0]["what"]
    # Two nodes, each with a port, two views, their count and the whole.
    assert document["health_checks"]["count"] == 10
    assert document["health_checks"]["granted"] == 200
    assert document["health_checks"]["dollars_per_month"] == pytest.approx(10 * 0.50 + 4 * 1.00)


def test_the_plan_for_people_tells_what_health_checks_cost(engine: Engine) -> None:
    result = run("plan", "dev")
    assert result.exit_code == 0
    assert "dev: nothing would change, 3 unchanged" in result.output
    assert "Route 53 health checks of the fleet: 10 of 200 granted, US$ 9.00 a month" in result.output


def test_what_is_new_shares_a_row(engine: Engine) -> None:
    addresses = tuple(Change(urn(EIP, f"10.10.0.{last}"), "created") for last in range(20, 24))
    engine.plan = Plan(addresses)
    (row,) = [line for line in run("plan", "dev").output.splitlines() if "10.10.0." in line]
    assert all(f"10.10.0.{last}" in row for last in range(20, 24))


def test_a_foundation_goes_after_its_fleet(engine: Engine) -> None:
    engine.stacks["dev"] = {"fleet": {}}
    assert "run `mtafleet destroy dev` first" in refused("destroy", "dev", "--part", "foundation", "--yes")
    assert not engine.run
    assert run("destroy", "dev", answer="n\n").exit_code != 0
    assert not engine.run
    assert run("destroy", "dev", "--yes").exit_code == 0
    engine.stacks["dev"] = {}
    assert run("destroy", "dev", "--part", "foundation", "--yes").exit_code == 0
    assert [stack for stack, _arguments in engine.run] == ["dev", "dev-foundation"]


def test_what_is_protected_is_not_destroyed_nor_what_lies_around_it(engine: Engine) -> None:
    engine.protected = {"eip"}
    told = refused("destroy", "dev", "--part", "foundation", "--yes")
    assert "protects 1 of its resources" in told
    assert "`pulumi state unprotect --all --stack dev-foundation`" in told
    assert not engine.run
    engine.protected = set()
    assert run("destroy", "dev", "--part", "foundation", "--yes").exit_code == 0
    ((_stack, arguments),) = engine.run
    assert "--skip-preview" not in arguments


@pytest.mark.parametrize("command", ["up", "preview", "destroy"])
def test_a_lab_has_no_parts(engine: Engine, command: str) -> None:
    assert "leave --part out" in refused(command, "lab", "--part", "fleet")


def test_only_aws_has_plans(engine: Engine) -> None:
    assert "not on `aws`" in refused("plan", "lab")
