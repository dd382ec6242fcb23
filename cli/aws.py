"""`up`, `preview` and `destroy` on AWS: two stacks, policies, and a plan that is judged before every `up`."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from cli.engine import ProvisioningError, run_in_foreground
from cli.plan import look, refuse, show
from cli.runs import alone
from fleet.spec.models import Environment
from infra.aws_stack import POLICY_PACK, AwsStack
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
    environment: Environment, part: Part | None, arguments: Sequence[str], *, drop_nodes: bool
) -> None:
    """Plan, judge the plan, and apply it when it passes; PlanRefusedError when it does not."""
    stack = AwsStack.of(environment, part)
    with alone(environment.environment, "up"):
        stack.require()
        plan = look(stack, arguments)
        show(stack, plan)
        refuse(stack, plan, drop_nodes=drop_nodes)
        _run(stack, ["up", "--yes", "--skip-preview", "--suppress-outputs", *WITH_POLICIES, *arguments])


def preview_on_aws(environment: Environment, part: Part | None, arguments: Sequence[str]) -> None:
    """The engine's own preview, held to the policies."""
    stack = AwsStack.of(environment, part)
    stack.require()
    _run(stack, ["preview", *WITH_POLICIES, *arguments])


def destroy_on_aws(
    environment: Environment, part: Part | None, arguments: Sequence[str], *, yes: bool
) -> None:
    """Remove a stack; ProvisioningError for what is protected, or still bears a fleet."""
    stack = AwsStack.of(environment, part)
    stack.require_itself()
    _refuse_to_destroy(stack)
    if not yes:
        click.confirm(_warning(stack), abort=True)
    with alone(environment.environment, "destroy"):
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
    run_in_foreground(stack.name, arguments, stack.project, stack.variables)
