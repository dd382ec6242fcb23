"""`mtafleet up | preview | destroy NAME`: Pulumi on an environment's stack, with its environment set up.

Thin on purpose: a plain `pulumi up --stack NAME` after `mtafleet env NAME` does the same. What is added is
picking up after a run that was killed: its stale lock is lifted, and what it may have left is removed.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

import click

from fleet.errors import MtafleetError
from fleet.paths import project_root
from fleet.spec.load import load_environment
from infra.engine import engine_environment
from infra.engine.leftovers import recover
from infra.engine.stack import ensure_stack

EXTRA = {"ignore_unknown_options": True}


class ProvisioningError(MtafleetError):
    """The engine ended with an error, which it has shown already."""


@click.command(context_settings=EXTRA)
@click.argument("environment")
@click.argument("pulumi_arguments", nargs=-1, type=click.UNPROCESSED)
def up(environment: str, pulumi_arguments: tuple[str, ...]) -> None:
    """Bring an environment into being, or up to date with its file.

    Further arguments go to `pulumi up`: `mtafleet up lab --refresh` also finds dead machines and boots them.
    """
    arguments = ["up", "--yes", "--skip-preview", "--suppress-outputs", *pulumi_arguments]
    if "--refresh" not in arguments and _lab_is_gone(environment):
        arguments.append("--refresh")  # the state would still say that everything is there
    run_engine(environment, arguments)


@click.command(context_settings=EXTRA)
@click.argument("environment")
@click.argument("pulumi_arguments", nargs=-1, type=click.UNPROCESSED)
def preview(environment: str, pulumi_arguments: tuple[str, ...]) -> None:
    """Show what `up` would change. Further arguments go to `pulumi preview`, for instance --diff."""
    run_engine(environment, ["preview", *pulumi_arguments])


@click.command(context_settings=EXTRA)
@click.argument("environment")
@click.argument("pulumi_arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(environment: str, pulumi_arguments: tuple[str, ...], *, yes: bool) -> None:
    """Remove everything of an environment, its mail queues and keys included."""
    if not yes:
        click.confirm(f"Remove every machine, queue and key of {environment}?", abort=True)
    run_engine(environment, ["destroy", "--yes", "--skip-preview", "--suppress-outputs", *pulumi_arguments])
    if load_environment(environment).substrate == "lab":
        _sweep_lab(environment)


def run_engine(environment: str, arguments: Sequence[str]) -> None:
    """Run `pulumi` on the stack in the foreground, its own progress shown; ProvisioningError if it fails."""
    load_environment(environment)
    variables = engine_environment(environment)
    if recover(environment, project_root(), variables):
        click.echo(f"An earlier run on {environment} was killed; its unfinished work is taken up.", err=True)
    ensure_stack(environment, project_root(), variables)
    command = ["/usr/bin/env", "pulumi", arguments[0], "--stack", environment, *arguments[1:]]
    surroundings = {**os.environ, **variables}
    surroundings.pop("PULUMI_CONFIG_PASSPHRASE", None)
    sys.stdout.flush()
    engine = subprocess.Popen(command, cwd=project_root(), env=surroundings)
    while True:
        try:
            status = engine.wait()
            break
        except KeyboardInterrupt:
            continue  # the engine got it too: it finishes what is under way, or stops at the second one
    if status != 0:
        raise ProvisioningError(f"`pulumi {arguments[0]}` of {environment} failed (exit status {status})")


def _lab_is_gone(environment: str) -> bool:
    """Whether a lab is not there as a whole, for instance after a restart of the computer."""
    if load_environment(environment).substrate != "lab":
        return False
    from lab.api import LabPaths, outer  # noqa: PLC0415 - only labs need the lab

    return outer.find(LabPaths.of(environment, project_root())) is None


def _sweep_lab(environment: str) -> None:
    """Remove what a killed run made but never recorded in the stack."""
    from lab.api import LabPaths, outer  # noqa: PLC0415 - only labs need the lab

    outer.destroy(LabPaths.of(environment, project_root()))
