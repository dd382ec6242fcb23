"""The stack itself: made when it is absent, so that a plain `pulumi up --stack NAME` works at once."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from infra.engine.errors import EngineError

__all__ = ["ensure_stack", "pulumi"]


def pulumi(
    arguments: list[str], *, project: Path, variables: Mapping[str, str], timeout_seconds: float
) -> str:
    """Run `pulumi` in `project` with `variables` over this process's environment; its standard output.

    Raises EngineError with the engine's own words when it fails.
    """
    command = ["pulumi", "--non-interactive", "--color", "never", *arguments]
    environment = {**os.environ, **variables}
    environment.pop("PULUMI_CONFIG_PASSPHRASE", None)  # would win over the passphrase file
    try:
        # `env` looks the command up on the PATH it is given, which Python's own look-up does not.
        answer = subprocess.run(
            ["/usr/bin/env", *command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"`{' '.join(command)}` did not end within {timeout_seconds:.0f} s") from None
    if answer.returncode != 0:
        words = (answer.stderr.strip() or answer.stdout.strip())[-2000:]
        raise EngineError(f"`{' '.join(command)}` in {project} failed:\n{words}")
    return answer.stdout


def ensure_stack(stack: str, project: Path, variables: Mapping[str, str]) -> None:
    """Make `stack` in the project's backend unless it is there, and select it.

    Its settings file (`Pulumi.<stack>.yaml`) holds the salt of the passphrase; the engine writes it anew
    when it is absent.
    """
    pulumi(
        ["stack", "select", "--create", "--stack", stack],
        project=project,
        variables=variables,
        timeout_seconds=120,
    )
