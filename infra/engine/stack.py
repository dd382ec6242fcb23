"""The stack itself: made when it is absent, so that a plain `pulumi up --stack NAME` works at once."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.engine.errors import EngineError

__all__ = ["Ended", "ensure_stack", "process_environment", "pulumi", "remedy", "run_pulumi"]

PULUMI = ("pulumi", "--non-interactive", "--color", "never")
REMEDIES = {
    "PULUMI_ACCESS_TOKEN must be set": (
        "No place for the state has been chosen: set PULUMI_BACKEND_URL or `pulumi login URL` "
        "(docs/aws.md, First time)."
    ),
    "passphrase must be set": (
        "The stack's secrets are under a passphrase: set PULUMI_CONFIG_PASSPHRASE_FILE or "
        "PULUMI_CONFIG_PASSPHRASE."
    ),
}
"""By words of the engine."""


def process_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `variables` laid over it.

    A passphrase of the caller's own would win over a passphrase file that `variables` name, so it goes.
    """
    environment = {**os.environ, **variables}
    if "PULUMI_CONFIG_PASSPHRASE_FILE" in variables:
        environment.pop("PULUMI_CONFIG_PASSPHRASE", None)
    return environment


@dataclass(frozen=True)
class Ended:
    """A run of the engine that has ended, with what it wrote."""

    status: int
    output: str
    errors: str

    @property
    def words(self) -> str:
        """The end of what it said, errors before anything else."""
        return (self.errors.strip() or self.output.strip())[-2000:]


def run_pulumi(
    arguments: Sequence[str],
    *,
    project: Path,
    variables: Mapping[str, str],
    timeout_seconds: float | None = None,
) -> Ended:
    """Run `pulumi` in `project` with `variables` over this process's environment, however it ends.

    An interrupt is the engine's to answer, which got it as well: it releases its lock. KeyboardInterrupt is
    raised once it has ended. EngineError when it does not end in time.
    """
    command = [*PULUMI, *arguments]
    interrupted = False
    # `env` looks the command up on the PATH it is given, which Python's own look-up does not.
    with subprocess.Popen(
        ["/usr/bin/env", *command],
        cwd=project,
        env=process_environment(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as engine:
        while True:
            try:
                output, errors = engine.communicate(timeout=timeout_seconds)
                break
            except KeyboardInterrupt:
                interrupted = True
            except subprocess.TimeoutExpired:
                engine.kill()
                raise EngineError(
                    f"`{' '.join(command)}` did not end within {timeout_seconds:.0f} s"
                ) from None
    if interrupted:
        raise KeyboardInterrupt
    return Ended(engine.returncode, output, errors)


def pulumi(
    arguments: Sequence[str], *, project: Path, variables: Mapping[str, str], timeout_seconds: float
) -> str:
    """Run `pulumi` in `project` with `variables` over this process's environment; its standard output.

    Raises EngineError with the engine's own words when it fails, and a remedy where these have none.
    """
    ended = run_pulumi(arguments, project=project, variables=variables, timeout_seconds=timeout_seconds)
    if ended.status != 0:
        command = " ".join([*PULUMI, *arguments])
        raise EngineError(f"`{command}` in {project} failed:\n{ended.words}{remedy(ended.words)}")
    return ended.output


def remedy(words: str) -> str:
    """What to do about a refusal that follows from the operator's surroundings; empty for any other."""
    return next((f"\n{advice}" for said, advice in REMEDIES.items() if said in words), "")


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
