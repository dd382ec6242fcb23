"""Makes the slow checks when they are due, a few at a time, and keeps what they find."""

import asyncio
from collections.abc import Callable, Sequence

from failover.checks.board import Board, Check, Finding, State
from failover.checks.timetable import Timetable
from failover.errors import FailoverError
from failover.events import Events

TICK_SECONDS = 0.5
MOST_AT_ONCE = 8
LONGEST_SECONDS = 30.0
LOOK = "look"
"""The name under which it stands that a look could not be had."""


class Checks:
    """Call `run` as a task; `board.rows` holds what was found."""

    def __init__(
        self, observer: str, checks: Sequence[Check], events: Events, clock: Callable[[], float]
    ) -> None:
        self.board = Board(self._tell)
        self._events, self._clock = events, clock
        self._timetable = Timetable(observer, checks, clock())
        self._any = bool(checks)
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """For ever; without checks it just waits."""
        try:
            while True:
                self.begin()
                await asyncio.sleep(TICK_SECONDS if self._any else 3_600)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def begin(self) -> None:
        """Begin what is due, as far as not too much is under way."""
        if len(self._under_way) >= MOST_AT_ONCE:
            return
        for number, check in self._timetable.due(self._clock()):
            task = asyncio.create_task(self._look(number, check))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def settle(self) -> None:
        """Wait until every look that is under way has ended."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def _look(self, number: int, check: Check) -> None:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                for finding in await check.look():
                    self.board.note(finding, self._clock())
                self.board.forget(LOOK, check.name)
        except TimeoutError:
            said = f"it was not done within {LONGEST_SECONDS:g} s"
            self.board.note(Finding(LOOK, check.name, State.UNKNOWN, said), self._clock())
        except FailoverError as error:
            self.board.note(Finding(LOOK, check.name, State.UNKNOWN, str(error)), self._clock())
        finally:
            self._timetable.done(number)

    def _tell(self, finding: Finding) -> None:
        good = "again: " if finding.state is State.GOOD else ""
        said = f"{finding.check}, {good}{finding.said}."
        about = {"node": finding.node} if finding.node else {}
        self._events.write("check", said[0].upper() + said[1:], scope=finding.check, **about)
