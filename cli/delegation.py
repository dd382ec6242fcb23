"""`mtafleet delegation`: whether reverse names can be asked for yet."""

import json
import sys
from typing import IO

import click

from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from infra.aws_stack import AwsStack
from infra.delegation import Answer, ask_internet, delegations, zones_of
from infra.stack_settings import FOUNDATION_SUFFIX


@click.command()
@click.argument("environment")
@click.option(
    "--outputs",
    type=click.File(),
    help="Outputs of the foundation's stack as JSON, `-` for standard input. Default: ask the engine.",
)
def delegation(environment: str, outputs: IO[str] | None) -> None:
    """Ask the internet whether it refers to the hosted zones of an environment on AWS.

    Exits with 1 when it does not yet: AWS would refuse the addresses' reverse names.
    """
    spec = load_environment(environment)
    name = spec.environment
    document = json.load(outputs) if outputs else _ask_engine(spec)
    answers = delegations(zones_of(document), ask_internet)
    for line in said(answers):
        click.echo(line)
    if not all(answer.delegated for answer in answers):
        sys.exit(1)
    click.echo(
        "Reverse names can be asked for: "
        f"pulumi config set mtafleet:delegated true --stack {name}{FOUNDATION_SUFFIX}"
    )


def said(answers: list[Answer]) -> list[str]:
    """A line for each zone, with what its parent should say where it does not."""
    lines = []
    for one in answers:
        if one.delegated:
            lines.append(f"{one.zone}: delegated")
        else:
            found = ", ".join(sorted(one.found)) or "none"
            lines.append(f"{one.zone}: name servers are {found}; wanted: {', '.join(sorted(one.wanted))}")
    return lines


def _ask_engine(environment: Environment) -> dict[str, object]:
    """The foundation's outputs, by whatever backend the operator's `pulumi` is logged in to."""
    stack = AwsStack.of(environment, "foundation")
    return dict(stack.outputs() or {})
