"""Route 53 through boto3, which blocks: called in a thread of its own, one call at a time.

boto3 is Debian's, and only where a fleet steers by Route 53: so it is imported late.
"""

from enum import Enum
from typing import Any, Protocol

from failover.errors import ConfigError

CONNECT_SECONDS = 2
READ_SECONDS = 5
REGION = "us-east-1"
"""Route 53 is one service for the world, signed for in this region."""
_SLOW_DOWN = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "PriorRequestNotComplete",
    }
)


class Trouble(Enum):
    """What became of a call that failed."""

    SLOW_DOWN = "asked too often, or while an earlier change is under way: nothing has happened"
    REFUSED = "nothing has happened, and would not the next time"
    CHANGED = "the batch does not fit what the zone holds: nothing has happened"
    UNKNOWN = "no answer: it may have happened"


class CallError(Exception):
    """A call failed; `trouble` says how, the text why."""

    def __init__(self, trouble: Trouble, why: str) -> None:
        super().__init__(why)
        self.trouble = trouble


class Client(Protocol):
    """The three calls that the writer makes, by boto3's names and arguments; each may raise CallError."""

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]: ...


class BotoClient:
    """boto3's client with the machine's own credentials; ConfigError when there is no boto3."""

    def __init__(self) -> None:
        try:
            import boto3  # noqa: PLC0415  see above
            from botocore.config import Config  # noqa: PLC0415
        except ImportError:
            raise ConfigError("dns.route53: boto3 is missing: apt-get install python3-boto3") from None
        # Tries of its own would send a batch again whose answer was lost, and hide that from the writer.
        config = Config(
            connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1}
        )
        self._client = boto3.client("route53", region_name=REGION, config=config)

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            found: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            raise CallError(_trouble(error.response), _why(error.response)) from None
        except BotoCoreError as error:
            raise CallError(Trouble.UNKNOWN, str(error)) from None
        return found


def _trouble(response: Any) -> Trouble:
    code = str(response.get("Error", {}).get("Code", ""))
    if code in _SLOW_DOWN:
        return Trouble.SLOW_DOWN
    if code == "InvalidChangeBatch":
        return Trouble.CHANGED
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return Trouble.UNKNOWN if status >= 500 else Trouble.REFUSED


def _why(response: Any) -> str:
    error = response.get("Error", {})
    return f"{error.get('Code', 'error')}: {error.get('Message', '')}".rstrip(": ")
