"""The daily review: yesterday at each ISP, or of each stream, against the day before and the week. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from delivery.brain.counts import Counts
from delivery.brain.tallies import DAY, HOUR, Tally

LEAST_FACTOR = 1.5
LEAST_Z = 3.0
"""A share has moved when it is half as much again and chance shows that on fewer than one of 700 days."""
LEAST_ANSWERS = 200
WEEK_DAYS, MONTH_DAYS = 7, 30


class Verdict(StrEnum):
    """What a day's figures together say."""

    QUIET = "quiet"
    NOISE = "one alone"
    """One measure moved: it may be noise."""
    WORSE = "worse"
    """Several moved for the worse: the reputation changed."""
    TOO_FEW = "too few"


@dataclass(frozen=True, slots=True)
class Measure:
    """One share of yesterday's, against the day before and the week before."""

    yesterday: float
    day_before: float
    week: float
    """Of the seven days before yesterday together."""
    z: float
    """How many standard errors yesterday is above the week."""

    @property
    def worse(self) -> bool:
        return self.z >= LEAST_Z and self.yesterday >= LEAST_FACTOR * self.week


@dataclass(frozen=True, slots=True)
class Review:
    """Yesterday at one ISP or of one stream."""

    subject: str
    verdict: Verdict
    measures: Mapping[str, Measure]
    answered: int
    sentence: str


@dataclass(frozen=True, slots=True)
class HourlyDeferrals:
    """Shares refused for pace or reputation, hour by hour, and over the windows looked at."""

    hours: tuple[float | None, ...]
    """The last 24, oldest first; None for an hour without answers."""
    week: float
    month: float


def review(subject: str, tally: Tally, now: float) -> Review:
    """Yesterday (UTC), once it is over."""
    yesterday, before = tally.day(1, now), tally.day(2, now)
    today = int(now // DAY)
    week = tally.between(DAY, today - 1 - WEEK_DAYS, today - 2)
    measures = {
        "deferrals": _measure(yesterday, before, week, lambda one: (one.pressure, one.answered)),
        "bounces": _measure(yesterday, before, week, lambda one: (one.invalid, one.answered)),
        "blocks": _measure(yesterday, before, week, lambda one: (one.blocks, one.answered)),
        "complaints": _measure(yesterday, before, week, lambda one: (one.complaints, one.delivered)),
    }
    worse = [name for name, one in measures.items() if one.worse]
    verdict = _verdict(yesterday, week, worse)
    return Review(
        subject, verdict, measures, yesterday.answered, _sentence(subject, verdict, worse, measures)
    )


def hourly_deferrals(tally: Tally, now: float) -> HourlyDeferrals:
    """What the hours before the running one showed."""
    this = int(now // HOUR)
    hours = [tally.between(HOUR, number, number) for number in range(this - 24, this)]
    shares = tuple(one.pressure_share if one.answered else None for one in hours)
    return HourlyDeferrals(
        shares,
        tally.last(HOUR, WEEK_DAYS * 24, now).pressure_share,
        tally.last(HOUR, MONTH_DAYS * 24, now).pressure_share,
    )


def _measure(
    yesterday: Counts, before: Counts, week: Counts, of: Callable[[Counts], tuple[int, int]]
) -> Measure:
    (part, whole), (week_part, week_whole) = of(yesterday), of(week)
    day_part, day_whole = of(before)
    return Measure(
        _share(part, whole),
        _share(day_part, day_whole),
        _share(week_part, week_whole),
        _z(part, whole, week_part, week_whole),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _z(part: int, whole: int, week_part: int, week_whole: int) -> float:
    """Of two shares; with one event more in the week, lest a clean week make a single event a wonder."""
    if not whole or not week_whole:
        return 0.0
    part, week_part = min(part, whole), min(week_part + 1, week_whole)
    pooled = (part + week_part) / (whole + week_whole)
    error = math.sqrt(pooled * (1 - pooled) * (1 / whole + 1 / week_whole))
    return (part / whole - week_part / week_whole) / error if error else 0.0


def _verdict(yesterday: Counts, week: Counts, worse: list[str]) -> Verdict:
    if min(yesterday.answered, week.answered) < LEAST_ANSWERS:
        return Verdict.TOO_FEW
    if len(worse) > 1:
        return Verdict.WORSE
    return Verdict.NOISE if worse else Verdict.QUIET


def _sentence(subject: str, verdict: Verdict, worse: list[str], measures: Mapping[str, Measure]) -> str:
    if verdict is Verdict.TOO_FEW:
        return f"{subject}: too few answers to compare"
    if verdict is Verdict.QUIET:
        return f"{subject}: nothing moved against the week before"
    told = ", ".join(
        f"{name} {measures[name].yesterday:.2%} (the day before {measures[name].day_before:.2%}, "
        f"the week {measures[name].week:.2%})"
        for name in worse
    )
    end = "several together: the reputation changed" if verdict is Verdict.WORSE else "one alone may be noise"
    return f"{subject}: {told}; {end}"
