"""Entry point: collects the command groups and turns known errors into one message and exit code 2."""

import sys

import click

from cli.api import api
from cli.check import check, schema
from cli.configure import configure
from cli.cost import cost
from cli.delegation import delegation
from cli.demo import demo
from cli.dns import dns
from cli.drill import drill
from cli.env import env
from cli.explain import explain_command
from cli.history import history
from cli.image import image
from cli.isp import isp
from cli.labs.machines import lab
from cli.labs.mail import ledger, send
from cli.labs.world import isps, refuse
from cli.maintenance.drain import drain, undrain
from cli.maintenance.override import override, pause, resume
from cli.maintenance.replace import replace
from cli.plan import plan
from cli.runs import INTERRUPTED_STATUS
from cli.status import status
from cli.up import destroy, preview, up
from fleet.errors import MtafleetError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mtafleet")
def cli() -> None:
    """Describe a mail-sending fleet in one file; provision, configure, steer and drill it."""


cli.add_command(check)
cli.add_command(cost)
cli.add_command(delegation)
cli.add_command(status)
cli.add_command(dns)
cli.add_command(configure)
cli.add_command(env)
cli.add_command(up)
cli.add_command(preview)
cli.add_command(plan)
cli.add_command(destroy)
cli.add_command(image)
cli.add_command(lab)
cli.add_command(schema)
lab.add_command(send)
lab.add_command(ledger)
lab.add_command(isps)
lab.add_command(refuse)
cli.add_command(drill)
cli.add_command(demo)
cli.add_command(drain)
cli.add_command(undrain)
cli.add_command(replace)
cli.add_command(pause)
cli.add_command(resume)
cli.add_command(override)
cli.add_command(explain_command)
cli.add_command(history)
cli.add_command(api)
cli.add_command(isp)


def main() -> None:
    """Run the command line; a user's mistake never shows a traceback."""
    try:
        sys.exit(cli(standalone_mode=False) or 0)
    except click.ClickException as mistake:
        mistake.show()
        sys.exit(mistake.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED_STATUS)
    except MtafleetError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        # A full disk, a folder that cannot be written: whose, the error says.
        click.echo(f"error: {error.filename or 'the computer'}: {error.strerror or error}", err=True)
        sys.exit(2)
