"""Calls to AWS's API: one way in for all resource kinds, with retries and readable errors."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from lab.aws.config import Config
from providerkit.kind import ProviderError

_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.02, 0.4
_READ_SECONDS = 120  # the simulated AWS does one thing at a time, and the computer may be busy
_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
}
ABSENT_SETTINGS = {
    "NoSuchTagSet",
    "ObjectLockConfigurationNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchBucketPolicy",
    "OwnershipControlsNotFoundError",
}
"""What S3 says about a setting that a bucket, which exists, does not have."""
_MISSING = ("NotFound", "NotFoundException")
_UNANSWERED = (EndpointConnectionError, ConnectionClosedError, ReadTimeoutError)
_MAKING = ("create_", "run_", "allocate_", "associate_", "subscribe")
_PATIENCE = 8
"""How often something just made may be called missing before that is believed."""

_fresh: ContextVar[bool] = ContextVar("fresh", default=False)


class ApiError(ProviderError):
    """AWS refused a call; `code` is its error code."""

    def __init__(self, service: str, operation: str, code: str, message: str) -> None:
        super().__init__(f"AWS {service} {operation}: {code}: {message}")
        self.code = code

    @property
    def missing(self) -> bool:
        """What the call was about does not exist, or not yet."""
        if self.code in ABSENT_SETTINGS:
            return False
        return self.code == "404" or self.code.startswith("NoSuch") or self.code.endswith(_MISSING)


@contextmanager
def patient() -> Iterator[None]:
    """Inside the block, ask again for a while when AWS calls something missing: it may be new."""
    token = _fresh.set(True)
    try:
        yield
    finally:
        _fresh.reset(token)


class Api:
    """AWS as one provider sees it; safe for many threads."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._session = boto3.session.Session(
            aws_access_key_id="standin",
            aws_secret_access_key="standin",  # noqa: S106 - moto asks for none
        )
        self._guard = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> Any:
        """Do one operation, named as in boto3, in the provider's region or another; return its answer.

        Raises ApiError when AWS refuses, ProviderError when it does not answer.
        """
        do = getattr(self._client(service, region or self.config.region), operation)
        attempts = 0
        while True:
            attempts += 1
            try:
                return do(**parameters)
            except (ClientError, BotoCoreError) as error:
                if attempts > self._repeats(operation, error):
                    raise _readable(service, operation, error) from error
            delay = min(_FIRST_DELAY_SECONDS * 2**attempts, _LONGEST_DELAY_SECONDS)
            time.sleep(delay)

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """Return all elements of `key` over all pages of a list operation."""
        found: list[Any] = []
        token: dict[str, str] = {}
        while True:
            answer = self.call(service, operation, **parameters, **token)
            found += answer.get(key, [])
            if not answer.get("NextToken"):
                return found
            token = {"NextToken": answer["NextToken"]}

    def _client(self, service: str, region: str) -> Any:
        endpoint = self.config.endpoint(service)
        with self._guard:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=endpoint,
                    config=ClientConfig(
                        retries={"total_max_attempts": 1},
                        read_timeout=_READ_SECONDS,
                        max_pool_connections=32,
                        proxies={},
                    ),
                )
            return self._clients[service, region]

    def _repeats(self, operation: str, error: Exception) -> int:
        """Return how often an operation may be repeated after this error."""
        if isinstance(error, _UNANSWERED):
            # Nobody knows whether it was carried out; what makes something would make it twice.
            return 0 if operation.startswith(_MAKING) else self.config.retries
        if not isinstance(error, ClientError):
            return 0
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error.response["Error"]["Code"] in _THROTTLED or status >= 500:
            return self.config.retries
        refusal = _readable("", operation, error)
        return _PATIENCE if _fresh.get() and isinstance(refusal, ApiError) and refusal.missing else 0


def _readable(service: str, operation: str, error: Exception) -> ProviderError:
    name = "".join(part.capitalize() for part in operation.split("_"))
    match error:
        case ClientError():
            details = error.response["Error"]
            return ApiError(service, name, details.get("Code", "Unknown"), details.get("Message", ""))
        case EndpointConnectionError() | ConnectionClosedError() | ReadTimeoutError():
            doubt = "; whether it was done is unknown: refresh before trying again"
            return ProviderError(
                f"AWS {service} {name}: no answer from its endpoint ({type(error).__name__})"
                f"{doubt if operation.startswith(_MAKING) else ''}"
            )
        case ParamValidationError():
            return ProviderError(f"AWS {service} {name}: {error}")
    return ProviderError(f"AWS {service} {name}: {error}")


def found(look: Callable[[], Any]) -> Any:
    """Return what `look` finds, or None when AWS says there is no such thing."""
    try:
        return look()
    except ApiError as error:
        if error.missing:
            return None
        raise
