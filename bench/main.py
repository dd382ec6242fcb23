"""How each benchmark is started: one clear message instead of a traceback."""

import sys

import click

from fleet.errors import MtafleetError


def benchmark(command: click.Command) -> None:
    """Run a benchmark's command; exit status 2 when it cannot be run, 130 when it was interrupted."""
    try:
        command(standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except MtafleetError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
