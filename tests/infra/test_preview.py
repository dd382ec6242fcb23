"""How a preview is asked for, and what of its end is a plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import infra.plan.preview
from fleet.paths import project_root
from fleet.spec.load import load_environment
from infra.aws_stack import POLICY_PACK, AwsStack
from infra.engine.stack import Ended
from infra.plan import PlanError
from infra.plan.preview import preview
from tests.infra.plan_events import log, policy, said, step, urn

EIP = "aws:ec2/eip:Eip"


@dataclass
class Engine:
    """Stands for the engine: writes the log it is told to and ends."""

    lines: Sequence[str] = ()
    ended: Ended = Ended(0, "", "")  # noqa: RUF009 - immutable
    asked: list[str] = field(default_factory=list)
    seen: list[Path] = field(default_factory=list)

    def run(self, arguments: Sequence[str], *, project: Path, variables: dict[str, str]) -> Ended:
        self.asked = list(arguments)
        assert variables["PULUMI_DEBUG_COMMANDS"] == "true"
        file = Path(arguments[arguments.index("--event-log") + 1])
        self.seen.append(file)
        if self.lines:
            file.write_text("\n".join(self.lines) + "\n")
        return self.ended


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine(log(step("update", urn(EIP, "10.0.0.1"))))
    monkeypatch.setattr(infra.plan.preview, "run_pulumi", engine.run)
    return engine


@pytest.fixture
def stack() -> AwsStack:
    return AwsStack(load_environment("staging"), "foundation", project_root(), {})


def test_arguments_are_those_of_up_but_for_what_a_preview_does_not_know(
    engine: Engine, stack: AwsStack
) -> None:
    preview(stack, ["--refresh", "--yes", "--continue-on-error", "--target", "x"])
    assert engine.asked[:5] == ["preview", "--stack", "staging-foundation", "--policy-pack", str(POLICY_PACK)]
    assert engine.asked[-3:] == ["--refresh", "--target", "x"]


def test_the_plan_is_read_and_the_log_removed(engine: Engine, stack: AwsStack) -> None:
    (change,) = preview(stack, []).changes
    assert change.name == "10.0.0.1"
    assert not engine.seen[0].parent.exists()


def test_a_failure_is_told_by_policies_and_errors(engine: Engine, stack: AwsStack) -> None:
    engine.lines = log(
        policy("port 22 is open"),
        said("no image is pinned"),
        said("an unhandled error occurred: program exited with non-zero exit code: 1"),
    )
    engine.ended = Ended(255, "noise", "")
    with pytest.raises(
        PlanError, match=r"nothing was changed:\n  fleet: port 22 is open\n  no image is pinned$"
    ):
        preview(stack, [])


def test_a_failure_without_a_log_is_told_in_the_engines_words(engine: Engine, stack: AwsStack) -> None:
    engine.lines, engine.ended = (), Ended(255, "", "error: could not lock the stack")
    with pytest.raises(PlanError, match="could not lock the stack"):
        preview(stack, [])


def test_a_log_that_does_not_end_is_no_plan(engine: Engine, stack: AwsStack) -> None:
    engine.lines = [step("update", urn(EIP, "10.0.0.1"))]
    with pytest.raises(PlanError, match="failed"):
        preview(stack, [])


def test_what_is_protected_is_a_plan_to_be_refused(engine: Engine, stack: AwsStack) -> None:
    address = urn(EIP, "10.0.0.1")
    engine.lines = [
        said(f'unable to replace resource "{address}"\nas it is currently marked for protection.')
    ]
    engine.ended = Ended(255, "", "")
    (protected,) = preview(stack, []).protected
    assert (protected.urn, protected.kind) == (address, "replaced")
