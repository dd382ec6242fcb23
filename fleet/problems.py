"""What is wrong with a file a person wrote: where, what, and what would be right.

MtafleetError
└── ProblemsError        every problem found in the files, sorted by place
    ├── SpecError        the environment file
    └── CatalogueError   the ISP catalogue
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import MtafleetError

KeyPath = tuple[str | int, ...]
"""The way to a value in a document: mapping keys and list positions."""


def dotted(path: KeyPath) -> str:
    """`('pools', 'a', 'addresses', 'east-1', 0)` as `pools.a.addresses.east-1[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to put right; `line` counts from 1, 0 when it concerns the whole file."""

    file: str
    line: int
    key: str
    what: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{place}: {self.key}: " if self.key else f"{place}: "
        return f"{subject}{self.what}\n    {self.remedy}"


class ProblemsError(MtafleetError):
    """All problems at once, in the order of the files' lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        return "\n".join([head, *map(str, self.problems)])


class SpecError(ProblemsError):
    """The environment file cannot be used as it is."""


class CatalogueError(ProblemsError):
    """The ISP catalogue cannot be used as it is."""


def whole_file(path: Path | str, what: str, remedy: str) -> Problem:
    """A problem that has no line."""
    return Problem(file=str(path), line=0, key="", what=what, remedy=remedy)
