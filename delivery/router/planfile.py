"""Follows the plan file: what has changed is taken over whole, what is malformed is told and left."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from delivery.router.errors import PlanFileError
from delivery.router.plan import NO_PLAN, Plan, load_plan

LOOK_SECONDS = 0.2

Stamp = tuple[int, int, int]


class PlanFile:
    """Looks at the file five times a second: a stat each, so that nobody has to tell us."""

    def __init__(self, path: Path, take: Callable[[Plan], None], told: Callable[[str, str], None]) -> None:
        self._path, self._take, self._told = path, take, told
        self._stamp: Stamp | None = None
        self._trouble = ""

    def look(self) -> None:
        """Take what is new. Without the file no plan holds; a malformed one changes nothing."""
        stamp = self._stat()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            plan = load_plan(self._path)
        except FileNotFoundError:
            self._told("plan", "There is no plan: static shares hold.")
            self._take(NO_PLAN)
        except PlanFileError as error:
            self._told("trouble", f"The plan cannot be used, the last good one holds: {error}")
        else:
            self._take(plan)

    async def follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def _stat(self) -> Stamp | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
