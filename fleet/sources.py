"""What a catalogue says, and who says so: the parts that limits and reply rules have in common."""

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from fleet.spec.base import Label, Strict


class Source(Strict):
    """Where a figure comes from."""

    title: Annotated[str, Field(min_length=1)]
    """Who says so, in which document."""
    url: Annotated[str, StringConstraints(pattern=r"^https://\S+$")] | None = None
    """Where it can be read; absent for our own estimates and what is no longer on the web."""
    read: date
    """The day it was last looked up."""


class Figure(Strict):
    """One number and who says so."""

    value: Annotated[int, Field(ge=1)]
    """The number, in the unit its key names."""
    source: Label
    """A key of the file's `sources`."""
    note: str = ""
    """Why this figure and no other, when that needs saying."""
