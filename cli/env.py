"""`mtafleet env NAME`: the shell variables with which plain `pulumi` works on an environment's stack."""

import json
import shlex
import sys
from collections.abc import Mapping

import click

from fleet.paths import project_root
from fleet.spec.load import load_environment
from infra.engine import engine_environment
from infra.engine.stack import ensure_stack

__all__ = ["env", "shell_script"]


def shell_script(variables: Mapping[str, str]) -> str:
    """Lines for `eval` in any POSIX shell.

    A passphrase in the caller's own environment would win over a file that `variables` name, so it is unset.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    if "PULUMI_CONFIG_PASSPHRASE_FILE" in variables:
        lines.append("unset PULUMI_CONFIG_PASSPHRASE")
    return "\n".join(lines)


@click.command()
@click.argument("environment")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of shell lines.")
def env(environment: str, *, as_json: bool) -> None:
    """Print the variables that make `pulumi` work on an environment's stack.

    \b
    In a shell:
      eval "$(uv run mtafleet env lab)"
      pulumi up --stack lab

    The stack is made if it is absent. Its state and a generated passphrase (readable by you only) stay in
    this checkout's .mtafleet directory, which git ignores. For an environment on AWS, only the engine and
    our provider are put on PATH: state, secrets and stacks are yours.
    """
    spec = load_environment(environment)
    name = spec.environment
    variables = engine_environment(name, spec.substrate)
    if spec.substrate == "lab":
        ensure_stack(name, project_root(), variables)
    if as_json:
        click.echo(json.dumps(variables, indent=2))
        return
    click.echo(shell_script(variables))
    if sys.stdout.isatty():
        click.echo(f'# to use it: eval "$(uv run mtafleet env {name})"')
