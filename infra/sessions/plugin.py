"""AWS's session-manager-plugin, the program that carries a session's bytes."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from infra.sessions.errors import SessionError

PLUGIN = "session-manager-plugin"
RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
"""Where the plugin takes a session's token from when its first argument is this name."""
TOO_OLD = (1, 2, 497, 0)
"""The last version that takes the token as an argument only, which every user of the machine can read."""
_INSTALL = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html says how to install it"
)
_TIMEOUT_SECONDS = 20


def find_plugin() -> str:
    """The plugin's path; SessionError when PATH has none."""
    found = shutil.which(PLUGIN)
    if found is None:
        raise SessionError(f"`{PLUGIN}` is not on PATH: {_INSTALL}")
    return found


def require_plugin() -> None:
    """Raise SessionError unless PATH has a plugin that keeps a session's token out of its arguments."""
    path = find_plugin()
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise SessionError(f"{path} does not run: {error}; {_INSTALL}") from None
    if not re.fullmatch(r"\d+(\.\d+){1,3}", said) or tuple(map(int, said.split("."))) <= TOO_OLD:
        raise SessionError(
            f"{path} calls itself version {said or '(nothing)'}; those up to {'.'.join(map(str, TOO_OLD))} "
            f"show a session's token to every user of this machine. {_INSTALL}"
        )


def plugin_arguments(path: str, region: str, request: Mapping[str, Any], endpoint: str) -> list[str]:
    """The plugin's command line; the answer of StartSession has to be in RESPONSE_VARIABLE, as JSON."""
    return [path, RESPONSE_VARIABLE, region, "StartSession", "", json.dumps(request), endpoint]
