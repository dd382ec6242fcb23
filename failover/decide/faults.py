"""What can be wrong with a target, told apart by what a probe saw, and how bad each is. Pure."""

from enum import StrEnum


class Fault(StrEnum):
    """Worst first; a floor's few places out of service go in this order."""

    REGION = "region"
    """Nothing is heard from any node of a region."""
    CRASH = "crash"
    """Connections are refused: nothing listens."""
    BLACK_HOLE = "black hole"
    """Nothing comes back at all."""
    ONE_WAY = "one way"
    """Connections get no answer, although the node itself is heard."""
    HANG = "hang"
    """It connects and then says nothing."""
    GRAY = "gray"
    """It answers, but wrongly: a 4xx or 5xx reply, no SMTP, sessions cut, or it reports itself as failing."""
    SLOW = "slow"
    """It answers rightly, but too late."""
    OVERLOAD = "overload"
    """It says itself that it has too much to do."""

    @property
    def severity(self) -> int:
        """Higher is worse; equal for faults that leave equally little."""
        return _SEVERITY[self]

    @property
    def serves_nobody(self) -> bool:
        """Whether a node with this fault carries no mail at all, so that sparing it costs no capacity."""
        return self.severity >= _SEVERITY[Fault.HANG]

    @property
    def is_death(self) -> bool:
        """Whether nothing is there any more that could go on with a session under way."""
        return self.severity >= _SEVERITY[Fault.CRASH]

    @property
    def is_absence(self) -> bool:
        """Whether it is only known by what did not come: an observer at fault sees the same."""
        return self in _ABSENCES


_SEVERITY = {
    Fault.REGION: 5,
    Fault.CRASH: 5,
    Fault.BLACK_HOLE: 5,
    Fault.ONE_WAY: 4,
    Fault.HANG: 4,
    Fault.GRAY: 3,
    Fault.SLOW: 2,
    Fault.OVERLOAD: 1,
}
_ABSENCES = frozenset({Fault.REGION, Fault.BLACK_HOLE, Fault.ONE_WAY, Fault.HANG, Fault.SLOW})

_OVERLOADED = ("4.3.2", "4.4.5", "too many connections", "busy", "overload")


def fault_of_reply(line: str) -> Fault:
    """What a reply that was not the one wanted says of its sender."""
    said = line.lower()
    busy = line.startswith("4") and any(words in said for words in _OVERLOADED)
    return Fault.OVERLOAD if busy else Fault.GRAY


def worse(one: Fault | None, other: Fault | None) -> Fault | None:
    """The worse of two; the first when they are alike."""
    if one is None or other is None:
        return one or other
    return other if other.severity > one.severity else one
