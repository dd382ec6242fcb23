"""`python -m infra.sessions.proxy --region R --port N --trouble FILE INSTANCE`: ssh's ProxyCommand on AWS.

Has Session Manager open a session with the instance's SSH port, and becomes `session-manager-plugin`, which
carries the bytes. The session's token reaches the plugin in its environment, and so do the keys that the
session was asked for with: it signs what it asks of AWS, and knows fewer places to find keys than boto3 does.
Where that fails, FILE holds the
reason as one sentence: ssh closes the standard error of a connection that several commands share.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.sessions.client import ssm_with_keys
from infra.sessions.errors import SessionError, explained
from infra.sessions.plugin import RESPONSE_VARIABLE, find_plugin, plugin_arguments

DOCUMENT = "AWS-StartSSHSession"
"""AWS's own description of a session that carries SSH."""
ATTEMPTS = 5
"""Sessions with a whole fleet begin at once, and AWS grants a few in a second: retries spread them."""

OTHER_KEYS = frozenset({"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"})
"""Variables that would have the plugin sign with other keys than those it is handed."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to become: arguments, and variables that hold the session's token and keys to sign with."""

    arguments: Sequence[str]
    variables: Mapping[str, str]

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """`inherited` with the variables in it, and nothing that would lead to other keys."""
        kept = {name: value for name, value in inherited.items() if name not in OTHER_KEYS}
        return {**kept, **self.variables}


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
        client, credentials = ssm_with_keys(region, ATTEMPTS)
        answer = client.start_session(**request)
        keys = credentials.get_frozen_credentials()
    except (BotoCoreError, ClientError) as error:
        raise explained(error, region, instance) from None
    session = {key: answer[key] for key in ("SessionId", "TokenValue", "StreamUrl")}
    return Command(
        plugin_arguments(plugin, region, request, client.meta.endpoint_url),
        {RESPONSE_VARIABLE: json.dumps(session), **_as_variables(keys)},
    )


def _as_variables(keys: Any) -> dict[str, str]:
    """botocore's frozen credentials as the variables in which AWS's programs look first."""
    found = {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}
    return found | ({"AWS_SESSION_TOKEN": keys.token} if keys.token else {})


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
    os.execve(command.arguments[0], list(command.arguments), command.environment(os.environ))  # noqa: S606


if __name__ == "__main__":
    main()
