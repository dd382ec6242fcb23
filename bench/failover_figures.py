"""From many drills to medians and worst cases; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from drills.analysis import Figures
from drills.model import Observation

ALLOWED_MEDIAN_SECONDS = {
    "crash": 0.0,
    "blackhole": 0.0,
    "hang": 0.6,
    "mute": 0.0,
    "refuse": 0.0,
    "region": 0.0,
}
"""Most time from the fault to the last bad new session through the sidecar, as the median of the trials."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One drill. `figures.routes` tells apart the sidecar's sessions and those of direct clients."""

    kind: str
    seen: Observation
    figures: Figures

    @property
    def sidecar_last_bad_seconds(self) -> float:
        return _last_bad(self.figures, "sidecar")

    @property
    def direct_last_bad_seconds(self) -> float:
        return _last_bad(self.figures, "direct")


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and maximum of seconds; `missing` counts trials in which the thing was never seen."""

    median: float | None
    maximum: float | None
    missing: int = 0

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Spread":
        present = [value for value in values if value is not None]
        if not present:
            return cls(None, None, len(values))
        return cls(median(present), max(present), len(values) - len(present))


@dataclass(frozen=True, slots=True)
class Summary:
    """All trials of one kind of fault; times are seconds after the fault, counts are over all trials."""

    kind: str
    trials: int
    sidecar_last_bad: Spread
    sidecar_attempts: int
    sidecar_bad: int
    sidecar_failed_after_heal: int
    """New sessions that were not accepted while the node returned."""
    stalled: int
    """Slow, but accepted, while the computer kept the sender itself from running; counted nowhere else."""
    under_way: int
    under_way_bad: int
    direct_last_bad: Spread
    direct_bad: int
    suspected: Spread
    detected: Spread
    acted: Spread
    dns: Spread
    victim_share_percent: float | None
    """The smallest share of the load that a victim carried before its fault."""

    lost: int
    duplicated: int
    not_recovered: int
    allowed_median_seconds: float

    @property
    def reached(self) -> bool:
        """Whether the median is within bounds, nothing was lost, or refused on a return, and all healed."""
        measured = self.sidecar_last_bad.median
        return (
            measured is not None
            and measured <= self.allowed_median_seconds
            and not self.lost
            and not self.sidecar_failed_after_heal
            and not self.not_recovered
        )


def summary(kind: str, trials: Sequence[Trial]) -> Summary:
    """Sum up the trials of one kind; there must be one at least."""
    sidecar = [one.figures.routes["sidecar"] for one in trials if "sidecar" in one.figures.routes]
    direct = [one.figures.routes["direct"] for one in trials if "direct" in one.figures.routes]
    shares = [one.figures.victim_share_percent for one in trials]
    return Summary(
        kind=kind,
        trials=len(trials),
        sidecar_last_bad=Spread.of([one.sidecar_last_bad_seconds for one in trials]),
        sidecar_attempts=sum(one.attempts for one in sidecar),
        sidecar_bad=sum(one.bad for one in sidecar),
        sidecar_failed_after_heal=sum(one.failed_after_heal for one in sidecar),
        stalled=sum(one.stalled for one in sidecar),
        under_way=sum(one.under_way_at_fault for one in sidecar),
        under_way_bad=sum(one.under_way_bad for one in sidecar),
        direct_last_bad=Spread.of([one.direct_last_bad_seconds for one in trials]),
        direct_bad=sum(one.bad for one in direct),
        suspected=Spread.of([one.figures.suspected_seconds for one in trials]),
        detected=Spread.of([one.figures.detected_seconds for one in trials]),
        acted=Spread.of([one.figures.acted_seconds for one in trials]),
        dns=Spread.of([one.figures.dns_seconds for one in trials]),
        victim_share_percent=min((share for share in shares if share is not None), default=None),
        lost=sum(one.seen.ledger.lost for one in trials),
        duplicated=sum(one.seen.ledger.duplicated for one in trials),
        not_recovered=sum(not one.seen.recovered for one in trials),
        allowed_median_seconds=ALLOWED_MEDIAN_SECONDS[kind],
    )


def _last_bad(figures: Figures, route: str) -> float:
    one = figures.routes.get(route)
    return one.last_bad_seconds if one else 0.0
