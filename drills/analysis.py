"""From an observation to figures and a verdict; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from drills.model import EventKind, Observation, Transaction
from drills.scenario import Scenario

STALL_SECONDS = 0.05
"""A sender this late was kept from running: its pace is far slower than a timer's error."""
LEAST_SHARE_PERCENT = 20.0
"""A fault of a node that hardly anybody used would prove little; of four equal nodes one carries 25 %."""
WAYS_TOLD = 3
"""Kinds of failures that a verdict tells: the journal has them all."""


@dataclass(frozen=True, slots=True)
class RouteFigures:
    """Attempts of one route.

    `bad` are those begun after the fault, before the repair; `last_bad_seconds` is the time from the fault to
    the *start* of the last of them, 0 when there was none. Of those begun after the repair, `bad_after_heal`
    were slow or failed (a lab machine that boots takes processor time from all others), and
    `failed_after_heal` were not accepted, which a returning node excuses never; `failures_after_heal` tells
    how, the most frequent first.

    None of these counts `stalled`: attempts that were accepted, but slowly, while the sender itself got no
    processor. They tell about the computer the drill ran on, not about the fleet.
    """

    attempts: int
    bad: int
    last_bad_seconds: float
    bad_after_heal: int
    failed_after_heal: int
    under_way_at_fault: int
    under_way_bad: int
    stalled: int
    failures_after_heal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """What a drill measured. Times are seconds after the fault, None when the thing was never seen."""

    suspected_seconds: float | None
    detected_seconds: float | None
    acted_seconds: float | None
    dns_seconds: float | None
    first_good_seconds: float | None
    back_in_service_seconds: float | None
    victim_share_percent: float | None
    routes: dict[str, RouteFigures]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a drill had to show."""

    claim: str
    holds: bool
    measured: str
    timed: bool = False
    """The speed of the computer that the drill runs on decides about it too, not the fleet alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.holds for check in self.checks)


def figures(seen: Observation) -> Figures:
    """Measure an observation."""
    return Figures(
        suspected_seconds=_first_event(seen, ("suspect",), seen.fault_at),
        detected_seconds=_first_event(seen, ("down",), seen.fault_at),
        acted_seconds=_first_event(seen, ("haproxy_set",), seen.fault_at),
        dns_seconds=_first_event(seen, ("dns_update",), seen.fault_at),
        first_good_seconds=_first_good(seen),
        back_in_service_seconds=_last_return(seen),
        victim_share_percent=_victim_share(seen),
        routes={
            route: _route_figures(seen, [t for t in seen.transactions if t.route == route])
            for route in sorted({t.route for t in seen.transactions})
        },
    )


def verdict(scenario: Scenario, seen: Observation, measured: Figures) -> Verdict:
    """Hold the figures against what the scenario demands."""
    ledger = seen.ledger
    sidecar = measured.routes.get("sidecar")
    checks = [
        Check("no acknowledged message is lost", ledger.lost == 0, f"{ledger.lost} lost"),
        Check("every accepted message has arrived", ledger.deferred == 0, f"{ledger.deferred} on their way"),
        Check("mail was accepted", ledger.accepted > 0, f"{ledger.accepted} accepted"),
        Check("the fleet is whole again", seen.recovered, "recovered" if seen.recovered else "not recovered"),
        *(_checks_of_leaving(seen, measured) if scenario.takes_out else _checks_of_staying(seen)),
    ]
    if sidecar is not None:
        checks.append(
            Check(
                "no new session through the sidecar fails while the node returns",
                sidecar.failed_after_heal == 0,
                "; ".join(
                    [
                        f"{sidecar.failed_after_heal} failed, {sidecar.bad_after_heal} bad",
                        *sidecar.failures_after_heal,
                    ]
                ),
            )
        )
        checks.append(
            Check(
                f"new sessions through the sidecar are good after {scenario.allowed_seconds * 1000:.0f} ms",
                sidecar.last_bad_seconds <= scenario.allowed_seconds,
                f"{sidecar.last_bad_seconds * 1000:.0f} ms, {sidecar.bad} bad of {sidecar.attempts}"
                + (f", {sidecar.stalled} slow in stalls of this computer" if sidecar.stalled else ""),
                timed=True,
            )
        )
    return Verdict(tuple(checks))


def _checks_of_leaving(seen: Observation, measured: Figures) -> list[Check]:
    return [
        Check(
            "the victim carried its share of the mail before",
            (measured.victim_share_percent or 0.0) >= LEAST_SHARE_PERCENT,
            _share_told(measured.victim_share_percent),
            timed=True,
        ),
        Check(
            "the failover daemon noticed",
            measured.detected_seconds is not None,
            _told(measured.detected_seconds),
            timed=True,
        ),
    ]


def _checks_of_staying(seen: Observation) -> list[Check]:
    """A fault of what only watches or publishes takes nobody out of service."""
    span = [event for event in seen.events if seen.fault_at <= event.at <= seen.healing_at]
    out = sorted({event.node for event in span if event.kind in ("haproxy_set", "dns_update")})
    return [Check("nobody leaves service for it", not out, ", ".join(out) or "nobody", timed=True)]


def _share_told(percent: float | None) -> str:
    return "unknown" if percent is None else f"{percent:.0f} % of the attempts"


def _told(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.0f} ms"


def _first_event(seen: Observation, kinds: Iterable[EventKind], after: float) -> float | None:
    wanted = set(kinds)
    instants = [e.at for e in seen.events if e.kind in wanted and e.node in seen.hit and e.at >= after]
    return min(instants) - seen.fault_at if instants else None


def _last_return(seen: Observation) -> float | None:
    mine = [e for e in seen.events if e.node in seen.hit and e.at > seen.fault_at]
    instants = [e.at for e in mine if e.kind == "up"]
    return max(instants) - seen.fault_at if instants else None


def _first_good(seen: Observation) -> float | None:
    """The first good attempt after the last bad one: from here on the fleet is good again."""
    after = [t for t in seen.transactions if t.started_at >= seen.fault_at]
    last_bad = max((t.started_at for t in after if t.bad), default=seen.fault_at)
    good = [t.finished_at for t in after if not t.bad and t.started_at >= last_bad]
    return min(good) - seen.fault_at if good else None


def _victim_share(seen: Observation) -> float | None:
    """Share of attempts the victim served before the fault, in percent; None when servers are unknown."""
    before = [t for t in seen.transactions if t.server is not None and t.finished_at < seen.fault_at]
    if not before:
        return None
    return 100 * sum(t.server in seen.hit for t in before) / len(before)


def _stalls(attempts: Iterable[Transaction]) -> list[tuple[float, float]]:
    """Spans of time in which the sender should have begun attempts and could not."""
    return [(t.started_at - t.late_seconds, t.started_at) for t in attempts if t.late_seconds > STALL_SECONDS]


def _route_figures(seen: Observation, attempts: list[Transaction]) -> RouteFigures:
    stalls = _stalls(seen.transactions)
    stalled = {
        t.message_id
        for t in attempts
        if t.accepted
        and t.bad
        and any(begin < t.finished_at and t.started_at <= end for begin, end in stalls)
    }
    all_attempts, attempts = attempts, [t for t in attempts if t.message_id not in stalled]
    under_way = [t for t in attempts if t.started_at < seen.fault_at < t.finished_at]
    bad = [t for t in attempts if seen.fault_at <= t.started_at < seen.healing_at and t.bad]
    after_heal = [t for t in attempts if t.started_at >= seen.healing_at]
    return RouteFigures(
        attempts=len(all_attempts),
        bad=len(bad),
        last_bad_seconds=max((t.started_at - seen.fault_at for t in bad), default=0.0),
        bad_after_heal=sum(t.bad for t in after_heal),
        failed_after_heal=sum(not t.accepted for t in after_heal),
        failures_after_heal=_ways_of_failing(seen, after_heal),
        under_way_at_fault=len(under_way),
        under_way_bad=sum(t.bad for t in under_way),
        stalled=len(stalled),
    )


def _ways_of_failing(seen: Observation, attempts: Iterable[Transaction]) -> tuple[str, ...]:
    """Up to three kinds of failures: how many, at which node, since when after the repair began."""
    kinds: dict[str, list[Transaction]] = {}
    for one in attempts:
        if not one.accepted:
            said = " ".join(word for word in (str(one.code or ""), one.error) if word)
            kinds.setdefault(f"{one.server or 'no server'}: {said}", []).append(one)
    most = sorted(kinds.items(), key=lambda kind: -len(kind[1]))[:WAYS_TOLD]
    return tuple(
        f"{len(which)} x {way} ({_span(seen, which)} s after the repair began)" for way, which in most
    )


def _span(seen: Observation, attempts: list[Transaction]) -> str:
    begins = [one.started_at - seen.healing_at for one in attempts]
    return f"{min(begins):.1f} to {max(begins):.1f}"
