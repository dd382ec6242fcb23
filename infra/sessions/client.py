"""A client of Session Manager with the caller's own credentials."""

from typing import Any

_CONNECT_SECONDS, _READ_SECONDS = 4, 15


def ssm(region: str, attempts: int = 3) -> Any:
    """boto3's client; each thread needs one of its own. BotoCoreError when there is no such profile."""
    return ssm_with_keys(region, attempts)[0]


def ssm_with_keys(region: str, attempts: int) -> tuple[Any, Any]:
    """A client as `ssm` makes it, and the credentials it signs with (botocore's), None without any."""
    import boto3  # noqa: PLC0415 - takes half a second to load
    from botocore.config import Config  # noqa: PLC0415

    settings = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    session = boto3.session.Session()
    return session.client("ssm", region_name=region, config=settings), session.get_credentials()
