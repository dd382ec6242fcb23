"""Where the engine keeps a stack's locks, beside its state: a folder or a bucket, by the backend's URL."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlparse

from infra.recovery.account import connect
from infra.recovery.model import RecoveryError

LOCKS = ".pulumi/locks"
PAGE_KEYS = 1000
"""How many keys one listing call gives, by S3's own limit."""


class Store(Protocol):
    """Files by their keys. Every method raises RecoveryError when the store does not answer."""

    def listed(self) -> Iterator[str]:
        """All below the folder of locks."""

    def read(self, key: str) -> str | None:
        """The file's text; None when it is not there any more."""

    def remove(self, key: str) -> None:
        """This file and no other; none is fine, too."""


def store_of(backend: str) -> Store | None:
    """None for backends that this cannot look into."""
    match urlparse(backend).scheme:
        case "file":
            return Folder(folder_of(backend))
        case "s3":
            return Bucket.of(backend)
    return None


def folder_of(backend: str) -> Path:
    """Where a `file://` backend is; the engine takes `file://~` for the home, too."""
    parts = urlparse(backend)
    return Path(f"{parts.netloc}{parts.path}").expanduser()


@dataclass(frozen=True)
class Folder:
    """A backend of files."""

    root: Path

    def listed(self) -> Iterator[str]:
        return (str(path.relative_to(self.root)) for path in (self.root / LOCKS).glob("**/*.json"))

    def read(self, key: str) -> str | None:
        try:
            return (self.root / key).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def remove(self, key: str) -> None:
        for name in (key, f"{key}.attrs"):  # what the engine notes beside every file
            (self.root / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class Bucket:
    """A backend in S3, reached as the engine reaches it by the same URL."""

    url: str
    name: str
    prefix: str
    client: Any = field(repr=False)

    @classmethod
    def of(cls, url: str) -> "Bucket":
        """From `s3://BUCKET/FOLDER?region=…&endpoint=…&profile=…&prefix=…`; only BUCKET must be there."""
        parts = urlparse(url)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        folder = parts.path.strip("/")
        try:
            client = connect(
                "s3",
                query.get("region") or os.environ.get("AWS_REGION"),
                profile=query.get("profile"),
                endpoint=_endpoint(query),
                path_style=_is_true(query, "s3ForcePathStyle", "use_path_style"),
            )
        except Exception as error:
            raise RecoveryError(f"the backend {url} cannot be reached as its URL says: {error}") from error
        # The engine puts its own folder below the prefix, which need not end with a slash.
        return cls(url, parts.netloc, query.get("prefix", "") + (f"{folder}/" if folder else ""), client)

    def listed(self) -> Iterator[str]:
        try:
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name,
                Prefix=f"{self.prefix}{LOCKS}/",
                PaginationConfig={"PageSize": PAGE_KEYS},
            )
            for page in pages:
                for one in page.get("Contents") or ():
                    yield one["Key"].removeprefix(self.prefix)
        except Exception as error:
            raise self._unreadable(error) from error

    def read(self, key: str) -> str | None:
        try:
            answer = self.client.get_object(Bucket=self.name, Key=self.prefix + key)
            return str(answer["Body"].read().decode())
        except self.client.exceptions.NoSuchKey:
            return None
        except Exception as error:
            raise self._unreadable(error) from error

    def remove(self, key: str) -> None:
        try:
            self.client.delete_object(Bucket=self.name, Key=self.prefix + key)
        except Exception as error:
            raise RecoveryError(f"the lock {key} in {self.url} cannot be removed: {error}") from error

    def _unreadable(self, error: Exception) -> RecoveryError:
        return RecoveryError(f"the locks beside the state in {self.url} cannot be read: {error}")


def _endpoint(query: dict[str, str]) -> str | None:
    """The engine takes one without a scheme, too."""
    endpoint = query.get("endpoint")
    if endpoint is None or "://" in endpoint:
        return endpoint
    return f"{'http' if _is_true(query, 'disableSSL', 'disable_https') else 'https'}://{endpoint}"


def _is_true(query: dict[str, str], *names: str) -> bool:
    return any(query.get(name, "").lower() in {"1", "t", "true"} for name in names)
