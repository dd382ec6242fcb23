"""What a rule finds wrong."""

from dataclasses import dataclass

from fleet.problems import KeyPath


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` leads to the key to blame."""

    path: KeyPath
    what: str
    remedy: str
