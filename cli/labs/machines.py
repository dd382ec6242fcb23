"""`mtafleet lab`: the lab's machines, looked at and removed directly."""

import json
import os
import sys
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from fleet.paths import project_root
from lab.api import LabPaths, image, machine, outer

__all__ = ["lab"]

_environment = click.option(
    "-e", "--environment", default="lab", show_default=True, help="The environment whose lab is meant."
)


@click.group()
def lab() -> None:
    """Work with the lab: a whole fleet on this machine, and a world around it."""


@lab.command("image")
def build_image() -> None:
    """Build the image that all lab machines boot (about a minute; nothing to do when it is there)."""
    click.echo(
        image.ensure(LabPaths.of("lab", project_root()).cache, lambda line: click.echo(line, err=True))
    )


@lab.command()
@_environment
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def machines(environment: str, *, as_json: bool) -> None:
    """List the lab's machines and whether they run."""
    paths = LabPaths.of(environment, project_root())
    states = [state for name in machine.names(paths) if (state := machine.read(paths, name))]
    if as_json:
        click.echo(json.dumps([asdict(state) for state in states], indent=2))
        return
    if not states:
        click.echo(f"lab {paths.lab} has no machines; `mtafleet up {environment}` makes them")
        return
    table = Table("machine", "site", "addresses", "state", box=None)
    for state in states:
        table.add_row(
            state.name,
            state.site,
            _shortened(state.addresses),
            "running" if state.running else "not running",
        )
    Console().print(table)


def _shortened(addresses: tuple[str, ...]) -> str:
    """The main address, and how many more there are: the internet's machine has dozens."""
    return addresses[0] + (f" and {len(addresses) - 1} more" if addresses[1:] else "")


@lab.command(context_settings={"ignore_unknown_options": True})
@_environment
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(environment: str, node: str, command: tuple[str, ...]) -> None:
    """Open a root shell on NODE, or run COMMAND there; works also when its network does not."""
    paths = LabPaths.of(environment, project_root())
    arguments = machine.entry(paths, node, command or ("bash", "-l"))
    sys.stdout.flush()
    os.execvp(arguments[0], arguments)  # noqa: S606 - the shell takes our place


@lab.command()
@_environment
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(environment: str, *, yes: bool) -> None:
    """Remove the lab at once, whatever state it is in: machines, networks, disks with their queues.

    For emergencies: the Pulumi stack is not told. `mtafleet up --refresh` afterwards makes all anew.
    """
    paths = LabPaths.of(environment, project_root())
    if not yes:
        click.confirm(f"Remove lab {paths.lab} with all disks?", abort=True)
    outer.destroy(paths)
    click.echo(f"lab {paths.lab} is gone")
