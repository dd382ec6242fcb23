"""Why Session Manager did not do what was asked, in one sentence with what helps."""

from typing import TYPE_CHECKING

from fleet.errors import MtafleetError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

RIGHTS = "docs/aws.md lists the rights that an operator needs"
LOG_IN = "log in (`aws sso login`), or set AWS_PROFILE or the AWS_* variables of a key"

_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException"}
_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}


class SessionError(MtafleetError):
    """No session, for a reason that concerns every machine or the one that was asked for."""


class OutOfReachError(SessionError):
    """A region does not answer, or not now; machines elsewhere may be reached all the same."""


def explained(error: Exception, region: str, target: str = "") -> SessionError:
    """What boto3 raised, in words. `target` is the instance that a session was asked for.

    An error of AWS carries AWS's own message: it names the identity that lacks a right, never a secret.
    """
    from botocore import exceptions as raised  # noqa: PLC0415 - takes its time to load

    if isinstance(error, raised.ClientError):
        return _refused(error, region, target)
    if isinstance(error, raised.ConnectionError | raised.HTTPClientError):
        return OutOfReachError(f"Session Manager of {region} does not answer: {error}")
    return SessionError(f"no AWS credentials can be used from here: {error}; {LOG_IN}")


def not_connected(target: str, region: str) -> str:
    """Why there is no session with a machine that AWS knows nothing of, and what helps."""
    return (
        f"{target} in {region} is not connected to Session Manager: it is off, boots for the first time, or "
        "its agent cannot reach AWS; wait for two minutes after its first boot, or reboot it in EC2"
    )


def _refused(error: "ClientError", region: str, target: str) -> SessionError:
    code = error.response.get("Error", {}).get("Code", "")
    said = error.response.get("Error", {}).get("Message") or code
    operation = error.operation_name
    if code == "TargetNotConnected":
        return SessionError(not_connected(target, region))
    if code in _DENIED:
        return SessionError(f"AWS refuses ssm:{operation} in {region}: {said}; {RIGHTS}")
    if code in _CREDENTIALS:
        return SessionError(f"AWS does not accept the credentials used here: {said}; {LOG_IN}")
    if code in _THROTTLED:
        return OutOfReachError(
            f"AWS throttles ssm:{operation} in {region}: {said}; repeat the command in a minute"
        )
    return OutOfReachError(f"AWS fails at ssm:{operation} in {region}: {code}: {said}")
