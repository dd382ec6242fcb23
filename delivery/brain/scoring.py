"""A score from 0 to 100 for the reputation of a path or an address, from what its receivers show. Pure.

Each measure counts from its good level on and in full at its bad one. Several that move together cost half as
much again as their sum: one alone may be noise. A score falls at once and rises slowly.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from delivery.brain.counts import Counts
from delivery.brain.rules import HOUR_SECONDS, Level, ReputationRules

BEST = 100.0
MOVED = 0.1
"""Of its way from good to bad: from here on a measure counts as moving. Below, it is within noise."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A score and what it was made of."""

    score: float
    troubles: Mapping[str, float]
    """Measures that moved, 0 to 1."""
    answered: int

    @property
    def sentence(self) -> str:
        if not self.troubles:
            return f"nothing stands out in {self.answered} answered attempts"
        told = ", ".join(f"{name} {value:.0%} of the way to bad" for name, value in self.troubles.items())
        return f"{told} in {self.answered} answered attempts"


@dataclass(frozen=True, slots=True)
class Score:
    """What is remembered; `at` is seconds since 1970."""

    value: float
    at: float


def measure(day: Counts, week: Counts, minor_listings: int, rules: ReputationRules) -> Measured:
    """The score of the last 24 hours; of seven days when those say too little."""
    seen = day if day.answered >= rules.least_answers else week
    trust = min(1.0, seen.answered / rules.least_answers)
    shares = {
        "deferrals": (seen.pressure_share, rules.pressure),
        "bounces": (seen.bounce_share, rules.bounces),
        "blocks": (seen.block_share, rules.blocks),
        "complaints": (seen.complaint_share, rules.complaints),
    }
    troubles = {name: trust * trouble(share, level) for name, (share, level) in shares.items()}
    troubles["listings"] = trouble(float(minor_listings), rules.listings)
    points = {
        "deferrals": rules.pressure.points,
        "bounces": rules.bounces.points,
        "blocks": rules.blocks.points,
        "complaints": rules.complaints.points,
        "listings": rules.listings.points,
    }
    moving = {name: value for name, value in troubles.items() if value >= MOVED}
    cost = sum(points[name] * value for name, value in troubles.items())
    factor = rules.together_factor if len(moving) > 1 else 1.0
    return Measured(max(0.0, BEST - cost * factor), moving, seen.answered)


def trouble(share: float, level: Level) -> float:
    """0 up to the good level, 1 from the bad one on, in proportion between."""
    return min(1.0, max(0.0, (share - level.good) / (level.bad - level.good)))


def follow(was: Score | None, measured: float, rules: ReputationRules, now: float) -> Score:
    """The score from now on: down at once, up by so much an hour."""
    if was is None:
        return Score(measured, now)
    hours = max(0.0, now - was.at) / HOUR_SECONDS
    return Score(min(measured, was.value + hours * rules.rise_per_hour), max(now, was.at))
