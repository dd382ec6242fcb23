"""`mtafleet plan NAME`: what `up` would change on AWS, what its health checks cost, and whether it may."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli.closing import refuse_lockout
from cli.recovery import announce, exclusions, refuse_doubtful
from cli.recovery_options import left_out, without_option
from fleet.aws.cost import checks_month
from fleet.aws.prices import price_table
from fleet.errors import MtafleetError
from fleet.invariants import health_checks
from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from fleet.topology import Fleet
from infra.aws_stack import AwsStack
from infra.plan import Change, Plan, Refusal, refusals
from infra.plan.model import KINDS
from infra.plan.preview import preview
from infra.recovery.model import Verdict
from infra.stack_settings import Part

LOG_WIDTH = 200
"""Columns where no terminal says how many there are."""
STYLES = {"deleted": "red", "replaced": "magenta", "changed": "yellow", "created": "green"}


class PlanRefusedError(MtafleetError):
    """The plan would lose what must not be lost in passing."""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("environment")
@click.argument("pulumi_arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--part",
    type=click.Choice(["foundation", "fleet"]),
    help="The stack NAME-foundation (addresses, zones, keys, queues) or NAME. Default: fleet.",
)
@without_option
@click.option("--drop-nodes", is_flag=True, help="Judge as `up --drop-nodes` would.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(
    environment: str,
    pulumi_arguments: tuple[str, ...],
    *,
    part: Part | None,
    without: tuple[str, ...],
    drop_nodes: bool,
    as_json: bool,
) -> None:
    """Show what `up` would change on AWS, and whether it may.

    Refused, with exit status 2: more than one machine replaced, removed or stopped; any address, zone, key
    or queue volume replaced or deleted. `up` judges by the same rules before it applies anything. Further
    arguments go to `pulumi preview`, for instance --refresh. Values of properties are never shown.
    """
    stack = AwsStack.of(load_environment(environment), part)
    stack.require()
    leaving = left_out(stack.environment, without, pulumi_arguments)
    unfinished = announce(stack, leaving)
    found = look(stack, [*pulumi_arguments, *exclusions(stack, leaving)])
    if as_json:
        judged = judge(stack, found, drop_nodes=drop_nodes)
        left = unfinished.verdicts if unfinished else ()
        click.echo(json.dumps({**as_data(stack, found, judged), "unfinished": _left(left)}, indent=2))
    else:
        show(stack, found)
    if unfinished is not None:
        refuse_doubtful(unfinished)
    refuse_lockout(stack)
    refuse(stack, found, drop_nodes=drop_nodes)


def look(stack: AwsStack, arguments: Sequence[str], file: Path | None = None) -> Plan:
    """The engine's preview, which can take minutes, saved to `file` so that `up` keeps to it.

    Raises PlanError when it fails.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        return preview(stack, arguments, file)
    with console.status(f"asking the engine what would change in {stack.name}"):
        return preview(stack, arguments, file)


def judge(stack: AwsStack, found: Plan, *, drop_nodes: bool) -> tuple[Refusal, ...]:
    """Why the plan must not be applied to this environment."""
    nodes = [node.name for node in Fleet.of(stack.environment).nodes]
    return refusals(found, nodes, drop_nodes=drop_nodes)


def refuse(stack: AwsStack, found: Plan, *, drop_nodes: bool) -> None:
    """PlanRefusedError with every reason and remedy, when there is one."""
    judged = judge(stack, found, drop_nodes=drop_nodes)
    if judged:
        listed = "\n".join(f"  {one.what}.\n    {one.remedy}" for one in judged)
        raise PlanRefusedError(f"this plan for {stack.name} is refused, nothing was changed:\n{listed}")


def show(stack: AwsStack, found: Plan) -> None:
    """A table of what would change, a line for each but for what is new, then a summary."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    if found.changes:
        table = Table("would be", "type", "name", "properties")
        for kind in KINDS:
            for change_type, names, properties in _rows(found.of(kind)):
                table.add_row(f"[{STYLES[kind]}]{kind}[/]", change_type, names, properties)
        console.print(table)
    counts = [f"{len(found.of(kind))} {kind}" for kind in KINDS if found.of(kind)]
    console.print(
        f"{stack.name}: {', '.join(counts) or 'nothing would change'}, {found.unchanged} unchanged",
        markup=False,
        soft_wrap=True,
    )
    console.print(_checks_line(stack.environment), markup=False, soft_wrap=True)


def _rows(changes: Iterable[Change]) -> list[tuple[str, str, str]]:
    """Type, names and properties: new resources of a type share a row, all others have their own."""
    rows: list[tuple[str, str, str]] = []
    fresh: dict[str, list[str]] = {}
    for change in changes:
        if change.kind == "created":
            fresh.setdefault(change.type, []).append(change.name)
        else:
            rows.append((_short(change.type), change.name, ", ".join(change.properties)))
    rows += [(_short(change_type), ", ".join(names), "") for change_type, names in fresh.items()]
    return rows


def _short(change_type: str) -> str:
    """`aws:ec2:Eip` for `aws:ec2/eip:Eip`, as the engine shows types to people."""
    package, module, name = change_type.split(":", 2)
    return f"{package}:{module.split('/')[0]}:{name}"


def health_check_cost(environment: Environment) -> dict[str, Any]:
    """How many Route 53 health checks the fleet has, how many are granted, what they cost a month."""
    assert environment.aws is not None  # noqa: S101 - narrows the type: only AWS has stacks like these
    prices = price_table()
    return {
        "count": health_checks(environment),
        "granted": environment.aws.quotas.health_checks,
        "dollars_per_month": round(checks_month(environment, environment.aws, prices), 2),
        "list_prices_read": prices.read.isoformat(),
    }


def _checks_line(environment: Environment) -> str:
    checks = health_check_cost(environment)
    return (
        f"Route 53 health checks of the fleet: {checks['count']} of {checks['granted']} granted, "
        f"US$ {checks['dollars_per_month']:,.2f} a month by the list prices of {checks['list_prices_read']}"
    )


def as_data(stack: AwsStack, found: Plan, judged: Sequence[Refusal]) -> dict[str, Any]:
    """The plan for machines: names and properties, never values."""
    return {
        "environment": stack.environment.environment,
        "part": stack.part,
        "stack": stack.name,
        **{kind: [_described(change) for change in found.of(kind)] for kind in KINDS},
        "unchanged": found.unchanged,
        "health_checks": health_check_cost(stack.environment),
        "allowed": not judged,
        "refused": [{"what": one.what, "remedy": one.remedy} for one in judged],
    }


def _left(verdicts: Iterable[Verdict]) -> list[dict[str, str]]:
    """What a killed run began, for machines."""
    return [
        {"urn": one.pending.urn, "operation": one.pending.operation, "becomes": one.fate, "why": one.why}
        for one in verdicts
    ]


def _described(change: Change) -> dict[str, Any]:
    return {
        "type": change.type,
        "name": change.name,
        "urn": change.urn,
        "properties": list(change.properties),
    }
