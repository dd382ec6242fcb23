"""Versions as `pulumi version` and `go version` print them, compared as numbers."""

import re
from typing import NamedTuple

from infra.engine.errors import EngineError

__all__ = ["MINIMUM_CLI", "MINIMUM_GO", "Version", "find_version"]

_NUMBERS = re.compile(r"(?<![\d.])(?:v|go)?(\d+)\.(\d+)(?:\.(\d+))?")


class Version(NamedTuple):
    """Major, minor and patch; pre-release and build suffixes are ignored."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


MINIMUM_CLI = Version(3, 220, 0)  # the version of the `pulumi` Python package that uv.lock pins
MINIMUM_GO = Version(1, 24, 7)  # what go.mod of the engine's sources demands


def find_version(text: str) -> Version:
    """The first version number in a tool's own words, `v3.220.0` or `go version go1.26.8 linux/amd64`.

    Raises EngineError when there is none.
    """
    match = _NUMBERS.search(text)
    if match is None:
        raise EngineError(f"no version number in {text.strip()!r}")
    major, minor, patch = match.groups(default="0")
    return Version(int(major), int(minor), int(patch))
