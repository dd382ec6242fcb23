"""What provisioning leaves for everyone after it: the stack's outputs, typed."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from fleet.errors import MtafleetError
from fleet.inventory import Outputs, Secrets
from fleet.paths import project_root
from infra.engine import engine_environment
from infra.engine.environment import Substrate
from infra.engine.errors import EngineError
from infra.engine.stack import pulumi

READ_TIMEOUT_SECONDS = 120


class OutputsError(MtafleetError):
    """The stack has no outputs, or not those that this version writes."""


@dataclass(frozen=True)
class StackOutputs:
    """The outputs of one environment's stack. `secrets` never shows in a representation or a log."""

    fleet: Outputs
    secrets: Secrets = field(repr=False)


_NOTHING_YET = "{0} has not been provisioned yet: `mtafleet up {0}` does it"


def read_outputs(
    environment: str, project: Path | None = None, *, substrate: Substrate = "lab"
) -> StackOutputs:
    """Read the outputs of the stack named like the environment, secrets included.

    Raises EngineError when the engine cannot be run, OutputsError when nothing has been provisioned.
    """
    try:
        text = pulumi(
            ["stack", "output", "--json", "--show-secrets", "--stack", environment],
            project=project or project_root(),
            variables=engine_environment(environment, substrate),
            timeout_seconds=READ_TIMEOUT_SECONDS,
        )
    except EngineError as error:
        if "no stack named" in str(error):
            raise OutputsError(_NOTHING_YET.format(environment)) from None
        raise
    return parse_outputs(environment, text)


def parse_outputs(environment: str, text: str) -> StackOutputs:
    """Type the engine's JSON; raises OutputsError without quoting any of it, since it holds secrets."""
    document = json.loads(text)
    if not document:
        raise OutputsError(_NOTHING_YET.format(environment))
    try:
        return StackOutputs(
            Outputs.model_validate(document.get("fleet")), Secrets.model_validate(document.get("secrets"))
        )
    except ValidationError as error:
        places = sorted({".".join(map(str, one["loc"])) or "(missing)" for one in error.errors()})
        raise OutputsError(
            f"stack {environment} has outputs of another version ({', '.join(places)} does not fit): "
            f"run `mtafleet up {environment}` once"
        ) from None
