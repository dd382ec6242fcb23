"""The AWS account as recovery sees it: boto3's reading calls only, in each region, with readable failures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.recovery.model import RecoveryError

_CONNECT_SECONDS, _READ_SECONDS = 10, 30
_ANY_REGION = "us-east-1"
_MISSING = (
    *("NotFound", "NotFoundException", "NoSuchEntity", "NoSuchHostedZone", "NoSuchHealthCheck"),
    *("NoSuchBucket", "404"),
    "Malformed",  # an id that nothing can have
)
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")

Connect = Callable[[str, str], Any]
"""A boto3 client of a service in a region."""


def connect(
    service: str,
    region: str | None,
    *,
    profile: str | None = None,
    endpoint: str | None = None,
    path_style: bool = False,
) -> Any:
    """A client with the caller's own credentials; boto3 honours AWS_PROFILE, AWS_ENDPOINT_URL and such.

    Without a region in the profile's, or in one that serves everything.
    """
    import boto3  # noqa: PLC0415 - takes half a second to load
    from botocore.config import Config  # noqa: PLC0415

    session = boto3.Session(profile_name=profile, region_name=region)
    settings = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 4},
        s3={"addressing_style": "path"} if path_style else None,
    )
    place = session.region_name or _ANY_REGION
    return session.client(service, region_name=place, endpoint_url=endpoint, config=settings)


@dataclass
class Account:
    """What AWS holds. Every method raises RecoveryError when AWS refuses or does not answer."""

    connect: Connect = connect
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def require(self, number: str, regions: Sequence[str]) -> None:
        """RecoveryError when the credentials are for another account: it would show nothing of ours.

        Asked in the first of the regions that answers.
        """
        found = self._number(regions)
        if found != number:
            raise RecoveryError(
                f"the credentials of this shell are for the AWS account {found}, the environment is in "
                f"{number}: what a killed run made cannot be looked up with them. Set AWS_PROFILE"
            )

    def _number(self, regions: Sequence[str]) -> str:
        silent: RecoveryError | None = None
        for region in dict.fromkeys(regions):
            try:
                return str(self.ask("sts", region, "get_caller_identity")["Account"])
            except RecoveryError as error:
                silent = silent or error
        raise silent or RecoveryError("no region to ask for the account in")

    def ask(self, service: str, region: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """The answer to one call, named as in boto3."""
        with _readable(service, region, operation):
            answer: Mapping[str, Any] = getattr(self._client(service, region), operation)(**parameters)
        return answer

    def find(self, service: str, region: str, operation: str, **parameters: Any) -> Mapping[str, Any] | None:
        """The same, None when AWS says that there is no such thing."""
        try:
            return self.ask(service, region, operation, **parameters)
        except RecoveryError as error:
            if _code(error).endswith(_MISSING):
                return None
            raise

    def listed(
        self, service: str, region: str, operation: str, key: str, **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        """The elements of `key` over all pages of a listing call; none of what is not there."""
        pages = self._pages(service, region, operation, parameters)
        while True:
            try:
                with _readable(service, region, operation):
                    page = next(pages, None)
            except RecoveryError as error:
                if _code(error).endswith(_MISSING):
                    return
                raise
            if page is None:
                return
            yield from page.get(key) or ()

    def _pages(
        self, service: str, region: str, operation: str, parameters: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        client = self._client(service, region)
        if client.can_paginate(operation):
            yield from client.get_paginator(operation).paginate(**parameters)
        else:
            yield getattr(client, operation)(**parameters)

    def _client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            with _readable(service, region, "endpoint"):
                self._clients[service, region] = self.connect(service, region)
        return self._clients[service, region]


def is_denied(error: RecoveryError) -> bool:
    """Whether AWS answered that this is not for the caller to see."""
    return _code(error) in _DENIED


def _code(error: RecoveryError) -> str:
    """AWS's own word for why it refused; empty when it did not answer."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - as above

    cause = error.__cause__
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else ""


@contextmanager
def _readable(service: str, region: str, operation: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise RecoveryError(
            f"AWS cannot be asked in {region} what a killed run has made ({service} {operation}): {error}\n"
            "Nothing was changed: run it again when AWS answers. When that region's API is down, "
            f"`--without {region}` leaves it out and takes up the rest"
        ) from error
