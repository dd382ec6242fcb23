"""`mtafleet up | preview | destroy NAME`: Pulumi on an environment's stack, with its environment set up.

Thin on purpose: a plain `pulumi up --stack NAME` after `mtafleet env NAME` does the same. What is added is
picking up after a run that was killed: its stale lock is lifted, and what it may have left is removed.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

import click

from cli.runs import alone
from fleet.errors import MtafleetError
from fleet.paths import project_root
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.engine import engine_environment
from infra.engine.leftovers import recover
from infra.engine.stack import ensure_stack
from infra.outputs import OutputsError, read_outputs

EXTRA = {"ignore_unknown_options": True}


class ProvisioningError(MtafleetError):
    """The engine ended with an error, which it has shown already."""


@click.command(context_settings=EXTRA)
@click.argument("environment")
@click.argument("pulumi_arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--drop-nodes", is_flag=True, help="Remove nodes that the file no longer has, queues included.")
def up(environment: str, pulumi_arguments: tuple[str, ...], *, drop_nodes: bool) -> None:
    """Bring an environment into being, or up to date with its file.

    A node that the file no longer has would go with all mail in its queues: that takes --drop-nodes.
    Further arguments go to `pulumi up`: `mtafleet up lab --refresh` also finds dead machines and boots them.
    """
    arguments = ["up", "--yes", "--skip-preview", "--suppress-outputs", *pulumi_arguments]
    if "--refresh" not in arguments and _lab_is_gone(environment):
        arguments.append("--refresh")  # the state would still say that everything is there
    run_engine(environment, arguments, None if drop_nodes else _refuse_to_drop_nodes)


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


def run_engine(
    environment: str, arguments: Sequence[str], object_to: Callable[[str], None] | None = None
) -> None:
    """Run `pulumi` on the stack in the foreground, its own progress shown; ProvisioningError if it fails.

    `object_to` looks at the stack first, once its state can be read, and raises to stop the run.
    """
    load_environment(environment)
    variables = engine_environment(environment)
    with alone(environment, arguments[0]):
        _run_alone(environment, arguments, variables, object_to)


def _run_alone(
    environment: str,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    object_to: Callable[[str], None] | None,
) -> None:
    if recover(environment, project_root(), variables):
        click.echo(f"An earlier run on {environment} was killed; its unfinished work is taken up.", err=True)
    ensure_stack(environment, project_root(), variables)
    if object_to is not None:
        object_to(environment)
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


def _refuse_to_drop_nodes(environment: str) -> None:
    """ProvisioningError when the environment has nodes that its file no longer names."""
    fleet = Fleet.of(load_environment(environment))
    try:
        present = read_outputs(environment).fleet.nodes
    except OutputsError:
        return  # nothing has been provisioned yet, or not to the end
    dropped = sorted(present.keys() - {node.name for node in fleet.nodes})
    if dropped:
        raise ProvisioningError(
            f"{environment}.yaml no longer has {', '.join(dropped)}: their machines would be removed, "
            f"and all mail in their queues. Put them back, or run `mtafleet up {environment} --drop-nodes`"
        )


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
