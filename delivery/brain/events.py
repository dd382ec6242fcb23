"""What a decision tells: one sentence with its evidence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EventKind(StrEnum):
    """What changed."""

    LOWERED = "lowered"
    RAISED = "raised"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    WARMED = "warmed"
    """A path went on to the next stage of its schedule."""
    HELD = "held"
    STEPPED_BACK = "stepped_back"
    ESTABLISHED = "established"
    BEGAN_AGAIN = "began_again"
    RESTED = "rested"
    KEPT = "kept"
    """It should rest, and the pool's floor or the limit on rests at once keeps it."""
    ON_PROBATION = "on_probation"
    RETURNED = "returned"
    BURNT = "burnt"
    REBUILT = "rebuilt"
    STAGE = "stage"
    """The stage of the failure sequence changed."""
    RUNBOOK = "runbook"
    """A person has to act."""
    DOUBTED = "doubted"
    """Evidence that contradicts itself was set aside."""
    GROWTH_HELD = "growth_held"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that changed, and why."""

    kind: EventKind
    subject: str
    """`ADDRESS at ISP`, or an address, or a pool."""
    sentence: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    """The figures the sentence rests on, names with units."""
