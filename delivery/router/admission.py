"""How much mail each path has been given that it cannot have sent yet. Time is passed in.

A transport keeps what it is given in Postfix's active queue, where no later decision reaches it and where
it takes the room of others. So a path is given what it can send within `HORIZON_SECONDS`, and no more. This
is an estimate of a queue's length, no budget: what a path may send at all, the plan says.

A path that changes its step is given nothing until what the old step still holds must have left: two
transports of one path would together exceed its connections and its pace.
"""

from dataclasses import dataclass

from delivery.model import Path
from delivery.router.settings import Step

HORIZON_SECONDS = 60.0
LEAST_MESSAGES = 2.0
UNPACED_MESSAGES_PER_SECOND = 10.0
"""Of one connection without a pause, at most; sessions over the Internet make one to three."""


@dataclass(slots=True)
class _Given:
    step: Step
    messages_per_second: float
    level: float
    at: float


def messages_per_second(step: Step, messages_per_hour: float | None) -> float:
    """What leaves by this step, when the plan allows so much."""
    rate = step.connections * UNPACED_MESSAGES_PER_SECOND
    if step.messages_per_hour is not None:
        rate = min(rate, step.messages_per_hour / 3600)
    return rate if messages_per_hour is None else min(rate, messages_per_hour / 3600)


class Admission:
    """One for all of a node's paths; remembers one entry a path."""

    def __init__(self) -> None:
        self._given: dict[Path, _Given] = {}

    def room(self, path: Path, step: Step, rate: float, now: float) -> float:
        """The share of `path`'s room that is free, 0 to 1; 0 when not one more message may be given.

        `rate`: messages a second that `step` is to send.
        """
        given = self._given.get(path)
        if given is None:
            return 1.0
        level = _level(given, now)
        if given.step != step and level > 0:
            return 0.0
        most = max(LEAST_MESSAGES, rate * HORIZON_SECONDS)
        return max(0.0, 1 - level / most) if level + 1 <= most else 0.0

    def give(self, path: Path, step: Step, rate: float, now: float) -> None:
        """One message more has been sent this way."""
        given = self._given.get(path)
        if given is None:
            self._given[path] = _Given(step, rate, 1.0, now)
            return
        given.level = _level(given, now) + 1
        given.step, given.messages_per_second, given.at = step, rate, now


def _level(given: _Given, now: float) -> float:
    return max(0.0, given.level - given.messages_per_second * max(0.0, now - given.at))
