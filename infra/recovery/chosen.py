"""What the operator decides beforehand: what a creation has made, and what is left out of a run."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from infra.recovery.model import Pending


@dataclass(frozen=True)
class LeftOut:
    """What a run does not touch.

    `regions` are AWS's or the environment file's names, `patterns` as the engine's `--exclude` takes them;
    with `only`, a region's name in the file, everything else.
    """

    regions: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()
    only: str = ""

    @classmethod
    def of(cls, arguments: Sequence[str], regions: Sequence[str] = ()) -> "LeftOut":
        """From the arguments that go to the engine."""
        apart = [pattern for name, pattern in pairwise(arguments) if name == "--exclude"]
        joined = [one.partition("=")[2] for one in arguments if one.startswith("--exclude=")]
        return cls(frozenset(regions), (*apart, *joined))

    def covers(self, pending: Pending) -> bool:
        """Whether an operation is on something left out, by its region, its URN or its provider's."""
        provider = pending.provider.rpartition("::")[0]
        if self.only and not serves(provider, pending.region, self.only):
            return True
        return any(serves(provider, pending.region, name) for name in self.regions) or any(
            _matches(pattern, (pending.urn, provider)) for pattern in self.patterns
        )


def serves(provider: str, region: str, name: str) -> bool:
    """Whether a provider (its URN, and AWS's name of its region) is the one of the region that is meant."""
    return name == region or provider.endswith(f"::aws-{name}")


def _matches(pattern: str, urns: Sequence[str]) -> bool:
    """`**` is anything, `*` anything within a part of a URN."""
    parts = re.split(r"(\*\*|\*)", pattern)
    words = {"**": ".*", "*": "[^:]*"}
    expression = re.compile("".join(words.get(part) or re.escape(part) for part in parts))
    return any(expression.fullmatch(urn) for urn in urns)


@dataclass(frozen=True)
class Chosen:
    """By URN the id to adopt, or None for a creation to be forgotten.

    `anyway` are URNs whose id may differ from what was asked for. `lost`: the state was lost, so that all
    that bears the fleet's tags is what it had, in use or not.
    """

    ids: Mapping[str, str | None] = field(default_factory=dict)
    anyway: frozenset[str] = frozenset()
    lost: bool = False
    left_out: LeftOut = LeftOut()

    def adopts(self) -> set[str]:
        """The URNs that are to be adopted."""
        return {urn for urn, identity in self.ids.items() if identity is not None}
