"""Summing up drills."""

from bench.failover_figures import Spread, Trial, summary
from drills.analysis import Figures, RouteFigures
from drills.model import LedgerTotals, Observation


def trial(last_bad_seconds: float, *, lost: int = 0, detected: float | None = 0.2) -> Trial:
    ledger = LedgerTotals(100, 100 - lost, 0, 0, lost, 0, 0)
    seen = Observation(
        "node-hang", "lab", "east-1", 1, 0.0, 5.0, 10.0, 10.5, 20.0, (), (), ledger, recovered=True
    )
    sidecar = RouteFigures(200, int(last_bad_seconds > 0), last_bad_seconds, 0, 0, 2, 1, 0)
    direct = RouteFigures(40, 3, 4.0, 0, 0, 1, 1, 0)
    figures = Figures(0.1, detected, 0.3, None, 1.0, 9.0, 26.0, {"sidecar": sidecar, "direct": direct})
    return Trial("hang", seen, figures)


def test_medians_and_worst_cases_keep_the_routes_apart() -> None:
    told = summary("hang", [trial(0.1), trial(0.5), trial(0.9)])
    assert told.sidecar_last_bad == Spread(0.5, 0.9)
    assert told.direct_last_bad == Spread(4.0, 4.0)
    assert (told.under_way, told.under_way_bad, told.direct_bad) == (6, 3, 9)
    assert told.reached


def test_a_lost_message_misses_the_target_whatever_the_times() -> None:
    assert not summary("hang", [trial(0.0), trial(0.0, lost=1)]).reached


def test_what_was_never_seen_is_counted_apart() -> None:
    told = summary("hang", [trial(0.0, detected=None), trial(0.0)])
    assert told.detected == Spread(0.2, 0.2, 1)
    assert told.dns == Spread(None, None, 2)
