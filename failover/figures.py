"""What a daemon counts: decisions, changes, probes, how late its loop ran; plain numbers, for its status."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from failover.decide import Change, Check, Result

PROBE_BOUNDS_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Answers are read once a tick (50 ms), so finer ones would tell nothing."""
LAG_BOUNDS_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Histogram:
    """Observations by upper bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def describe(self) -> dict[str, Any]:
        """`buckets`: pairs of an upper bound and how many were no greater; `count` and `sum` of all."""
        counts, total = [], 0
        for bound, count in zip(self._bounds, self._counts, strict=False):
            total += count
            counts.append([bound, total])
        return {"buckets": counts, "count": sum(self._counts), "sum": round(self._sum, 6)}


class Figures:
    """One daemon's counts since its start."""

    def __init__(self) -> None:
        self.decisions = 0
        self.lag = Histogram(LAG_BOUNDS_SECONDS)
        self.probe_seconds = {check: Histogram(PROBE_BOUNDS_SECONDS) for check in Check}
        self._probes: Counter[tuple[str, bool]] = Counter()
        self._changes: Counter[tuple[str, str, str, str]] = Counter()

    def decided(self, results: Iterable[Result], changes: Iterable[Change]) -> None:
        """One decision: the probes that went into it, and what it changed."""
        self.decisions += 1
        for result in results:
            self._probes[result.target.check, result.good] += 1
        for change in changes:
            self._changes[change.kind, change.pool, change.scope, change.fault or ""] += 1

    def answered(self, durations: Iterable[tuple[Check, float]]) -> None:
        """Probes that were answered, and how long that took, in seconds."""
        for check, seconds in durations:
            self.probe_seconds[check].observe(seconds)

    def describe(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "decisions": self.decisions,
            "changes": [
                {"kind": kind, "pool": pool, "scope": scope, "fault": fault, "count": count}
                for (kind, pool, scope, fault), count in sorted(self._changes.items())
            ],
            "probes": [
                {"check": check, "good": good, "count": count}
                for (check, good), count in sorted(self._probes.items())
            ],
            "probe_seconds": {str(check): one.describe() for check, one in self.probe_seconds.items()},
            "lag_seconds": self.lag.describe(),
        }
