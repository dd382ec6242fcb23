"""Who holds a stack's lock. The engine keeps one as a small file beside the state for as long as it works."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlparse

from infra.recovery.account import connect
from infra.recovery.model import RecoveryError

LOCKS = ".pulumi/locks"
ENGINE = "pulumi"
_ENDED = frozenset("ZX")
"""States of a process that is none any more, by the system's letters."""


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock: the process that took it, whose, on which computer, and when (as the engine wrote it)."""

    process: int
    user: str
    computer: str
    since: str

    def __str__(self) -> str:
        return f"{self.user}@{self.computer} (process {self.process}, since {self.since})"

    @property
    def here(self) -> bool:
        return self.computer == socket.gethostname()

    @property
    def at_work(self) -> bool:
        """Whether its process is an engine that lives, on this computer."""
        return self.here and _is_engine(self.process)


def locks_of(backend: str, project: str, stack: str) -> tuple[Lock, ...]:
    """The locks of a stack in a backend (a URL); none where this cannot look: the engine says so then."""
    parts = urlparse(backend)
    reading = {"file": _in_folder, "s3": _in_bucket}.get(parts.scheme)
    if reading is None:
        return ()
    return tuple(
        _read(text) for path, text in reading(backend) if _is_of(PurePosixPath(path), project, stack)
    )


def _is_of(path: PurePosixPath, project: str, stack: str) -> bool:
    """`.../organization/PROJECT/STACK/ID.json`, or without the project as old backends have it."""
    parts = path.parts
    if path.suffix != ".json" or len(parts) < 2 or parts[-2] != stack:
        return False
    return len(parts) < 4 or parts[-3] in {project, "locks"}


def folder_of(backend: str) -> Path:
    """Where a `file://` backend is; the engine takes `file://~` for the home, too."""
    parts = urlparse(backend)
    return Path(f"{parts.netloc}{parts.path}").expanduser()


def _in_folder(backend: str) -> Iterator[tuple[str, str]]:
    for path in (folder_of(backend) / LOCKS).glob("**/*.json"):
        try:
            yield str(path), path.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue  # given back meanwhile


def _in_bucket(backend: str) -> Iterator[tuple[str, str]]:
    parts = urlparse(backend)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    client: Any = connect("s3", query.get("region") or os.environ.get("AWS_REGION") or "us-east-1")
    prefix = "/".join(part for part in (parts.path.strip("/"), LOCKS) if part) + "/"
    try:
        listed = client.list_objects_v2(Bucket=parts.netloc, Prefix=prefix)
        for one in listed.get("Contents") or ():
            body = client.get_object(Bucket=parts.netloc, Key=one["Key"])["Body"].read()
            yield one["Key"], body.decode()
    except Exception as error:
        raise RecoveryError(f"the locks beside the state in {backend} cannot be read: {error}") from error


def _read(text: str) -> Lock:
    try:
        told = json.loads(text)
        return Lock(
            int(told["pid"]), str(told["username"]), str(told["hostname"]), str(told["timestamp"])[:19]
        )
    except (ValueError, KeyError, TypeError):
        return Lock(0, "unknown", "unknown", "an unknown time")


def _is_engine(process: int) -> bool:
    """Whether an engine lives under this number; one that ended and was not waited for yet does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # without such a table what lives counts as the engine
    except OSError:
        return True
    name, state = told.partition("(")[2].rpartition(")")[::2]
    return name == ENGINE and state.split()[0] not in _ENDED
