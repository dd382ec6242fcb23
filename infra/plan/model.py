"""A plan: each resource that a run would touch, and what became of the preview that told so."""

from dataclasses import dataclass
from typing import Literal

from fleet.errors import MtafleetError

Kind = Literal["created", "changed", "replaced", "deleted"]
KINDS: tuple[Kind, ...] = ("deleted", "replaced", "changed", "created")
"""What weighs most comes first."""


class PlanError(MtafleetError):
    """The preview failed, or what it wrote cannot be understood."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would happen to one resource. Values are never held: they may be secret.

    `properties` are paths such as `tags.Name`: those that differ, or for a replaced resource those that
    demand it.
    """

    urn: str
    kind: Kind
    properties: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The resource's own type, such as `aws:ec2/eip:Eip`."""
        return self._types[-1]

    @property
    def parents(self) -> tuple[str, ...]:
        """The types of the components around it, the outermost first."""
        return self._types[:-1]

    @property
    def name(self) -> str:
        return self.urn.split("::", 3)[3]

    @property
    def stack(self) -> str:
        return self.urn.split("::", 1)[0].rpartition(":")[2]

    @property
    def roots(self) -> frozenset[str]:
        """The names of the inputs that differ: `tags` for `tags.Name`, `records` for `records[0]`."""
        return frozenset(path.split(".")[0].split("[")[0] for path in self.properties)

    @property
    def _types(self) -> tuple[str, ...]:
        return tuple(self.urn.split("::", 3)[2].split("$"))


@dataclass(frozen=True, slots=True)
class Protected:
    """A resource that the engine itself refuses to lose; `kind` is what was asked for."""

    urn: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Plan:
    """What a preview told.

    `errors` are the engine's and the program's own words, `violations` what mandatory policies object to;
    `ended` is whether the preview came to its end.
    """

    changes: tuple[Change, ...] = ()
    unchanged: int = 0
    errors: tuple[str, ...] = ()
    violations: tuple[str, ...] = ()
    protected: tuple[Protected, ...] = ()
    ended: bool = True

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """The changes of one kind, by type and name."""
        found = [change for change in self.changes if change.kind == kind]
        return tuple(sorted(found, key=lambda change: (change.type, change.name)))
