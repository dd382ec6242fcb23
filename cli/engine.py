"""The engine in the foreground, its own progress shown."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet.errors import MtafleetError
from infra.engine.stack import process_environment
from infra.recovery.runs import MARK, Run


class ProvisioningError(MtafleetError):
    """The engine ended with an error, which it has shown already, or must not be started."""


def run_in_foreground(
    stack: str,
    arguments: Sequence[str],
    project: Path,
    variables: Mapping[str, str],
    run: Run | None = None,
) -> None:
    """Run `pulumi` on a stack, its words going where ours go; ProvisioningError when it fails.

    `run` notes it for as long as it lasts, and beyond when it was killed.
    """
    if run is not None:
        variables = {**variables, MARK: run.mark}
    command = ["/usr/bin/env", "pulumi", arguments[0], "--stack", stack, *arguments[1:]]
    sys.stdout.flush()
    engine = subprocess.Popen(command, cwd=project, env=process_environment(variables))
    if run is not None:
        run.begun(engine.pid)
    while True:
        try:
            status = engine.wait()
            break
        except KeyboardInterrupt:
            continue  # the engine got it too: it finishes what is under way, or stops at the second one
    if run is not None and status >= 0:
        run.ended()
    if status != 0:
        raise ProvisioningError(f"`pulumi {arguments[0]}` of {stack} failed (exit status {status})")
