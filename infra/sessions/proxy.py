"""`python -m infra.sessions.proxy --region R --port N --trouble FILE INSTANCE`: ssh's ProxyCommand on AWS.

Has Session Manager open a session with the instance's SSH port, and becomes `session-manager-plugin`, which
carries the bytes. The session's token reaches the plugin in its environment. Where that fails, FILE holds the
reason as one sentence: ssh closes the standard error of a connection that several commands share.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.sessions.client import ssm
from infra.sessions.errors import SessionError, explained
from infra.sessions.plugin import RESPONSE_VARIABLE, find_plugin, plugin_arguments

DOCUMENT = "AWS-StartSSHSession"
"""AWS's own description of a session that carries SSH."""
ATTEMPTS = 5
"""Sessions with a whole fleet begin at once, and AWS grants a few in a second: retries spread them."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to become: arguments, and variables that hold the session's token."""

    arguments: Sequence[str]
    variables: dict[str, str]


def open_session(region: str, instance: str, port: int) -> Command:
    """Open a session with an instance's port; SessionError with the reason when there is none."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - takes its time to load

    plugin = find_plugin()  # before there is a session that nobody would end
    request: dict[str, Any] = {
        "Target": instance,
        "DocumentName": DOCUMENT,
        "Parameters": {"portNumber": [str(port)]},
    }
    try:
        client = ssm(region, ATTEMPTS)
        answer = client.start_session(**request)
    except (BotoCoreError, ClientError) as error:
        raise explained(error, region, instance) from None
    session = {key: answer[key] for key in ("SessionId", "TokenValue", "StreamUrl")}
    return Command(
        plugin_arguments(plugin, region, request, client.meta.endpoint_url),
        {RESPONSE_VARIABLE: json.dumps(session)},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Become the plugin, or exit with status 1."""
    parser = argparse.ArgumentParser(prog="infra.sessions.proxy")
    parser.add_argument("--region", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--trouble", required=True, type=Path)
    parser.add_argument("instance")
    options = parser.parse_args(arguments)
    options.trouble.unlink(missing_ok=True)
    try:
        command = open_session(options.region, options.instance, options.port)
    except SessionError as error:
        options.trouble.write_text(str(error), encoding="utf-8")
        print(error, file=sys.stderr)
        sys.exit(1)
    with suppress(OSError):
        os.setsid()  # an interrupt at the terminal is for mtafleet, which ends its connections in order
    os.execve(command.arguments[0], list(command.arguments), {**os.environ, **command.variables})  # noqa: S606


if __name__ == "__main__":
    main()
