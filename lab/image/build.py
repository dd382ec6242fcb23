"""Building the machine image, once for each content of the recipe."""

from collections.abc import Callable
from pathlib import Path


def image_id() -> str:
    """The id of the image that this checkout's recipe describes: a digest of the recipe."""
    raise NotImplementedError


def image_root(cache: Path, image: str) -> Path | None:
    """The root folder of a finished image, None when it has not been built."""
    raise NotImplementedError


def ensure(cache: Path, report: Callable[[str], None] | None = None) -> str:
    """Build the image when it is missing and return its id; `report` gets a line for each stage."""
    raise NotImplementedError
