"""Asks the engine what a run would change."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.aws_stack import POLICY_PACK, AwsStack
from infra.engine.stack import Ended, remedy, run_pulumi
from infra.plan.events import read_events
from infra.plan.model import Plan, PlanError

ONLY_FOR_UP = frozenset({"--yes", "-y", "--skip-preview", "-f", "--continue-on-error"})
"""Arguments of `pulumi up` that `pulumi preview` does not know."""
_LAST_WORDS = ("an unhandled error occurred: program exited", "preview failed")
"""Follow every other error, which says more."""


def preview(stack: AwsStack, arguments: Sequence[str], file: Path | None = None) -> Plan:
    """The plan of `pulumi up` with these arguments, held to the policies.

    Nothing is changed. With `file`, which lies where nobody else can read, the engine also saves there what
    it would do, so that it can be held to that (`pulumi up --plan`). Raises PlanError when the preview fails,
    unless it is for what is protected.
    """
    # The log holds what resources are made of, secrets blinded: for this user's eyes, and not for long.
    with TemporaryDirectory(prefix="mtafleet-plan-") as folder:
        log = Path(folder) / "events"
        ended = run_pulumi(
            [
                *("preview", "--stack", stack.name, "--policy-pack", str(POLICY_PACK)),
                *("--event-log", str(log)),
                *(("--save-plan", str(file)) if file is not None else ()),
                *(one for one in arguments if one not in ONLY_FOR_UP),
            ],
            project=stack.project,
            # The engine takes `--event-log` only so, as its own Automation API has it.
            variables={**stack.variables, "PULUMI_DEBUG_COMMANDS": "true"},
        )
        plan = _read(log) if log.is_file() else Plan(ended=False)
    if plan.protected:
        return plan
    if ended.status != 0 or not plan.ended:
        raise PlanError(_failure(stack, plan, ended))
    return plan


def _read(log: Path) -> Plan:
    with log.open(encoding="utf-8") as lines:
        return read_events(lines)


def _failure(stack: AwsStack, plan: Plan, ended: Ended) -> str:
    errors = [error for error in plan.errors if not error.startswith(_LAST_WORDS)]
    reasons = [*plan.violations, *errors] or [f"{ended.words}{remedy(ended.words)}"]
    listed = "\n".join("  " + reason.replace("\n", "\n    ") for reason in reasons)
    return f"the preview of {stack.name} failed, nothing was changed:\n{listed}"
