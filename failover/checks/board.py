"""What slow checks have found, and when that is news. Pure."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol


class State(StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    """It could not be found out: that says nothing of the subject."""


class Finding(NamedTuple):
    """What one look at one subject has found."""

    check: str
    subject: str
    state: State
    said: str
    """One sentence with its evidence, without a full stop."""
    node: str = ""
    """The node it is about, if it is about one."""


class Check(Protocol):
    """One thing to look at. `target` bears the load of it: looks at one target keep their distance."""

    @property
    def name(self) -> str: ...

    @property
    def target(self) -> str: ...

    @property
    def interval_seconds(self) -> float: ...

    async def look(self) -> list[Finding]:
        """May raise nothing but FailoverError, which leaves the subjects as they were."""
        ...


WAY_OUT = "way out"
"""Takes part in decisions: its subjects are addresses of this node."""
CANARY = "canary"
"""Takes part in decisions: its subjects are pools, by this node's instances."""
FALL = 2
"""A subject is bad after so many looks in a row that say so; one good look makes it good."""


class Row(NamedTuple):
    finding: Finding
    """As it counts: a first bad look is not told."""
    looked_at: float
    run: int = 0
    """Bad looks in a row."""


class Board:
    """`rows` by check and subject; `told` is called with each finding that is news."""

    def __init__(self, told: Callable[[Finding], None]) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self._told = told

    def forget(self, check: str, subject: str) -> None:
        """What was found counts no more."""
        self.rows.pop((check, subject), None)

    def note(self, finding: Finding, now: float) -> None:
        key = (finding.check, finding.subject)
        before = self.rows.get(key)
        run = before.run if before else 0
        if finding.state is State.BAD:
            run += 1
        elif finding.state is State.GOOD:
            run = 0
        counted = finding
        if finding.state is State.BAD and run < FALL:
            waiting = "a first look was not good; the next one decides"
            counted = before.finding if before else finding._replace(state=State.UNKNOWN, said=waiting)
        self.rows[key] = Row(counted, now, run)
        was = before.finding.state if before else State.GOOD
        if counted.state is not was and State.BAD in (counted.state, was):
            self._told(counted)
