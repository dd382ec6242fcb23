"""`mtafleet up | preview | destroy NAME`: Pulumi on an environment's stack, with its environment set up.

Thin on purpose: a plain `pulumi up --stack NAME` after `mtafleet env NAME` does the same. What is added is
picking up after a run that was killed: its stale lock is lifted, and what it may have left is removed. An
environment on AWS has two stacks and rules of its own: see `cli.aws`.
"""

from collections.abc import Callable, Mapping, Sequence

import click

from cli.aws import destroy_on_aws, part_option, preview_on_aws, refuse_parts, up_on_aws
from cli.engine import ProvisioningError, run_in_foreground
from cli.recovery_options import Consent, left_out, recovery_options, without_option
from cli.runs import alone
from fleet.paths import project_root
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.engine import engine_environment
from infra.engine.leftovers import recover
from infra.engine.stack import ensure_stack
from infra.outputs import OutputsError, read_outputs
from infra.stack_settings import Part

EXTRA = {"ignore_unknown_options": True}


@click.command(context_settings=EXTRA)
@click.argument("environment")
@click.argument("pulumi_arguments", nargs=-1, type=click.UNPROCESSED)
@part_option
@click.option("--drop-nodes", is_flag=True, help="Remove nodes that the file no longer has, queues included.")
@without_option
@recovery_options
def up(
    environment: str,
    pulumi_arguments: tuple[str, ...],
    *,
    part: Part | None,
    drop_nodes: bool,
    without: tuple[str, ...],
    consent: Consent,
) -> None:
    """Bring an environment into being, or up to date with its file.

    A node that the file no longer has would go with all mail in its queues: that takes --drop-nodes. On AWS
    its queue stays, nothing is applied that `mtafleet plan` refuses, and what a killed run had begun is taken
    up first. Further arguments go to `pulumi up`: `mtafleet up lab --refresh` also finds dead machines and
    boots them.
    """
    spec = load_environment(environment)
    leaving = left_out(spec, without, pulumi_arguments)
    if spec.substrate == "aws":
        consent = consent.leaving_out(leaving)
        up_on_aws(spec, part, pulumi_arguments, drop_nodes=drop_nodes, consent=consent)
        return
    refuse_parts(spec, part)
    arguments = ["up", "--yes", "--skip-preview", "--suppress-outputs", *pulumi_arguments]
    if "--refresh" not in arguments and _lab_is_gone(environment):
        arguments.append("--refresh")  # the state would still say that everything is there
    run_engine(environment, arguments, None if drop_nodes else _refuse_to_drop_nodes)


@click.command(context_settings=EXTRA)
@click.argument("environment")
@click.argument("pulumi_arguments", nargs=-1, type=click.UNPROCESSED)
@part_option
@without_option
def preview(
    environment: str, pulumi_arguments: tuple[str, ...], *, part: Part | None, without: tuple[str, ...]
) -> None:
    """Show what `up` would change. Further arguments go to `pulumi preview`, for instance --diff."""
    spec = load_environment(environment)
    if spec.substrate == "aws":
        preview_on_aws(spec, part, pulumi_arguments, without)
        return
    refuse_parts(spec, part)
    run_engine(environment, ["preview", *pulumi_arguments])


@click.command(context_settings=EXTRA)
@click.argument("environment")
@click.argument("pulumi_arguments", nargs=-1, type=click.UNPROCESSED)
@part_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@recovery_options
def destroy(
    environment: str,
    pulumi_arguments: tuple[str, ...],
    *,
    part: Part | None,
    yes: bool,
    consent: Consent,
) -> None:
    """Remove everything of an environment, its mail queues and keys included.

    On AWS the machines only: what is protected in NAME-foundation stays until it is unprotected.
    """
    spec = load_environment(environment)
    if spec.substrate == "aws":
        destroy_on_aws(spec, part, pulumi_arguments, yes=yes, consent=consent)
        return
    refuse_parts(spec, part)
    if not yes:
        click.confirm(f"Remove every machine, queue and key of {environment}?", abort=True)
    run_engine(environment, ["destroy", "--yes", "--skip-preview", "--suppress-outputs", *pulumi_arguments])
    _sweep_lab(environment)


def run_engine(
    environment: str, arguments: Sequence[str], object_to: Callable[[str], None] | None = None
) -> None:
    """Run `pulumi` on the stack in the foreground, its own progress shown; ProvisioningError if it fails.

    `object_to` looks at the stack first, once its state can be read, and raises to stop the run.
    """
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
    run_in_foreground(environment, arguments, project_root(), variables)


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
    from lab.api import LabPaths, outer  # noqa: PLC0415 - only labs need the lab

    return outer.find(LabPaths.of(environment, project_root())) is None


def _sweep_lab(environment: str) -> None:
    """Remove what a killed run made but never recorded in the stack."""
    from lab.api import LabPaths, outer  # noqa: PLC0415 - only labs need the lab

    outer.destroy(LabPaths.of(environment, project_root()))
