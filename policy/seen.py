"""A resource as judges see it, and a way to look at its properties that unknown ones survive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pulumi_policy.proxy import UnknownValueError


class _Unknown:
    """A value that exists only once the resource has been made."""

    def __repr__(self) -> str:
        return "(unknown)"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Seen:
    """One resource. `made_of` names, for each property, the resources it is made of, by type and name."""

    type: str
    name: str
    props: Mapping[str, Any]
    protect: bool = False
    urn: str = ""
    made_of: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    def look(self, *path: str | int) -> Any:
        """The value at `path`, None when there is none, UNKNOWN when there is none yet."""
        return look(self.props, *path)

    def known(self, *path: str | int) -> Any:
        """Like `look`, but None for what is unknown."""
        found = self.look(*path)
        return None if found is UNKNOWN else found

    def items(self, *path: str | int) -> list[Any]:
        """The known elements of a list; [] when it is absent or unknown."""
        found = self.look(*path)
        if found is None or found is UNKNOWN:
            return []
        elements = [look(found, position) for position in range(len(found))]
        return [one for one in elements if one is not UNKNOWN]


def look(value: Any, *path: str | int) -> Any:
    """Like `Seen.look`, below any value."""
    for step in path:
        try:
            value = value[step]
        except UnknownValueError:
            return UNKNOWN
        except (KeyError, IndexError, TypeError):
            return None
    return value
