"""`up`, `preview` and `destroy` on AWS: two stacks, policies, and a plan that is judged before every `up`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from cli.closing import refuse_lockout
from cli.engine import ProvisioningError, run_in_foreground
from cli.plan import look, refuse, show
from cli.recovery import (
    announce,
    exclusions,
    refuse_in_part,
    refuse_unused,
    run_file,
    take_up,
    take_up_strays,
)
from cli.recovery_options import Consent, left_out
from cli.runs import alone
from fleet.spec.models import Environment
from infra.aws_stack import POLICY_PACK, AwsStack
from infra.recovery.runs import Run
from infra.stack_settings import Part

WITH_POLICIES = ("--policy-pack", str(POLICY_PACK))


def part_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--part`, of an environment on AWS."""
    return click.option(
        "--part",
        type=click.Choice(["foundation", "fleet"]),
        help="On AWS: the stack NAME-foundation (addresses, zones, keys, queues) or NAME. Default: fleet.",
    )(command)


def refuse_parts(environment: Environment, part: Part | None) -> None:
    """ProvisioningError when a part is asked of an environment that is one stack."""
    if part is not None:
        raise ProvisioningError(
            f"{environment.environment} is on the substrate `{environment.substrate}`, which is one stack: "
            "leave --part out"
        )


def up_on_aws(
    environment: Environment,
    part: Part | None,
    arguments: Sequence[str],
    *,
    drop_nodes: bool,
    consent: Consent | None = None,
) -> None:
    """Take up what earlier runs left, plan, judge the plan, and apply that plan when it passes.

    PlanRefusedError when it does not, RecoveryError when somebody else is at work or it is not plain what a
    killed run has made.
    """
    stack, consent = AwsStack.of(environment, part), consent or Consent()
    refuse_in_part(consent)
    with alone(environment.environment, "up"), TemporaryDirectory(prefix="mtafleet-plan-") as folder:
        adopted = set(take_up(stack, consent, "up"))
        stack.require()
        refuse_lockout(stack)
        arguments = [*arguments, *exclusions(stack, consent.chosen.left_out)]
        file = Path(folder) / "plan.json"
        file.touch(0o600)  # it tells what resources are made of
        plan = look(stack, arguments, file)
        while (plan.of("created") or plan.of("replaced")) and (found := take_up_strays(stack, file, consent)):
            adopted |= found
            plan = look(stack, arguments, file)
        refuse_unused(stack, consent, adopted)
        show(stack, plan)
        refuse(stack, plan, drop_nodes=drop_nodes)
        applying = ["up", "--yes", "--skip-preview", "--suppress-outputs", "--plan", str(file)]
        try:
            _run(stack, [*applying, *WITH_POLICIES, *arguments])
        except ProvisioningError as error:
            raise ProvisioningError(
                f"{error}; where it says `violates plan` or `not allowed by the plan`, the file, the "
                "configuration or the state changed after the plan was judged: run it again"
            ) from None


def preview_on_aws(
    environment: Environment, part: Part | None, arguments: Sequence[str], without: Sequence[str] = ()
) -> None:
    """The engine's own preview, held to the policies."""
    stack = AwsStack.of(environment, part)
    stack.require()
    leaving = left_out(environment, without, arguments)
    announce(stack, leaving)
    _run(stack, ["preview", *WITH_POLICIES, *arguments, *exclusions(stack, leaving)])


def destroy_on_aws(
    environment: Environment,
    part: Part | None,
    arguments: Sequence[str],
    *,
    yes: bool,
    consent: Consent | None = None,
) -> None:
    """Remove a stack, what a killed run made for it included.

    ProvisioningError for what is protected, or still bears a fleet.
    """
    stack = AwsStack.of(environment, part)
    with alone(environment.environment, "destroy"):
        stack.require_itself()
        _refuse_to_destroy(stack)
        if not yes:
            click.confirm(_warning(stack), abort=True)
        if take_up(stack, consent or Consent(), "destroy"):
            _refuse_to_destroy(stack)
        # With its preview: without, the engine removes all around what is protected before it says so.
        _run(stack, ["destroy", "--yes", "--suppress-outputs", *arguments])


def _refuse_to_destroy(stack: AwsStack) -> None:
    name = stack.environment.environment
    if stack.part == "foundation" and stack.other("fleet").outputs():
        raise ProvisioningError(
            f"the fleet of {name} stands upon its foundation: run `mtafleet destroy {name}` first"
        )
    protected = stack.protected()
    if protected:
        raise ProvisioningError(
            f"{stack.name} protects {len(protected)} of its resources (addresses, zones, keys, queues); "
            "nothing was removed. If they shall go: "
            f"`pulumi state unprotect --all --stack {stack.name}`, then the same again"
        )


def _warning(stack: AwsStack) -> str:
    name = stack.environment.environment
    if stack.part == "foundation":
        return f"Remove every address, zone, key and queue of {name}, and the reputation with them?"
    return f"Remove every machine of {name}? Addresses, zones, keys and queues stay."


def _run(stack: AwsStack, arguments: Sequence[str]) -> None:
    run = Run.new(run_file(stack))
    run_in_foreground(stack.name, arguments, stack.project, stack.variables, run)
