"""How long those that come and go have to stay out, and how slowly they come back. Pure."""

import math
from collections.abc import Iterable

from failover.decide.model import HoldDown, SlowReturn, Standing


def level_after_failure(was: Standing, rules: HoldDown, now: float) -> int:
    """The level of a member that was well in service and fails now.

    One more when it returned within the window; one less for each window of good service since then.
    """
    served_seconds = now - was.returned_at
    if served_seconds < rules.window_seconds:
        return min(was.level + 1, most_level(rules))
    if not was.level or math.isinf(served_seconds):
        return 0
    return max(0, was.level - int(served_seconds // rules.window_seconds))


def most_level(rules: HoldDown) -> int:
    """The level from which on the time out no longer grows."""
    if rules.base_seconds <= 0:
        return 1
    return 1 + max(0, math.ceil(math.log2(max(1.0, rules.most_seconds / rules.base_seconds))))


def hold_seconds(level: int, rules: HoldDown) -> float:
    """How long a member of `level` is kept out once it is well again."""
    if level <= 0:
        return 0.0
    return min(rules.most_seconds, rules.base_seconds * float(2 ** (level - 1)))


class Turns:
    """The turns in which a group takes back members that have come and gone: a budget per window.

    A first return needs no turn: a healed region comes back as a whole.
    """

    def __init__(self, group: Iterable[Standing], rules: HoldDown, now: float) -> None:
        begun = now - rules.window_seconds
        self._rules, self._now = rules, now
        self._taken = sorted(one.turn_at for one in group if one.turn_at > begun)

    def take(self) -> float:
        """When the next turn comes; the present time, and it is taken, when there is one left."""
        if len(self._taken) < self._rules.budget:
            self._taken.append(self._now)
            return self._now
        return self._taken[-self._rules.budget] + self._rules.window_seconds


def weight_percent(returned_at: float, rules: SlowReturn, now: float) -> int:
    """The share of its weight for a member that came back at `returned_at`."""
    steps = _steps_taken(returned_at, rules, now)
    return rules.weights_percent[steps] if steps < len(rules.weights_percent) else 100


def next_weight_at(returned_at: float, rules: SlowReturn, now: float) -> float:
    """When that share grows next."""
    return returned_at + (_steps_taken(returned_at, rules, now) + 1) * rules.step_seconds


_ROUNDING_SECONDS = 1e-6


def _steps_taken(returned_at: float, rules: SlowReturn, now: float) -> int:
    return int((now - returned_at + _ROUNDING_SECONDS) / rules.step_seconds)
