"""The networks of Route 53's health checkers, from a dated list."""

from datetime import date
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

LIST = Path(__file__).parent / "health-checkers.yaml"


class Checkers(BaseModel):
    """The list and when it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: date
    sources: list[str]
    networks: Annotated[list[IPv4Network], Field(min_length=1)]


@cache
def known_checkers() -> Checkers:
    """The list that comes with the project."""
    return Checkers.model_validate(yaml.safe_load(LIST.read_text(encoding="utf-8")))
