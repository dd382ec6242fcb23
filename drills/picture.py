"""Geometry of the timeline picture: where each attempt and each event stands. Pure; the template draws it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from drills.model import EventKind, Observation, Transaction

WIDTH, HEIGHT = 960, 330
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 110, 34
FASTEST_SECONDS, SLOWEST_SECONDS = 0.001, 10.0
LABEL_ROWS = 6
LABEL_ROW_PIXELS = 16
LABEL_PIXELS_PER_CHARACTER = 6.3

Scale = Callable[[float], float]
"""Seconds after the fault to pixels."""
Outcome = Literal["good", "slow", "failed"]

EVENT_LABELS: dict[EventKind, str] = {
    "fault": "fault",
    "suspect": "suspected",
    "down": "detected",
    "haproxy_set": "front doors told",
    "dns_update": "DNS changed",
    "heal": "repair began",
    "machine_up": "machine up",
    "up": "seen healthy",
    "in_service": "back in service",
}


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    outcome: Outcome
    title: str


@dataclass(frozen=True, slots=True)
class Marker:
    x: float
    label: str
    label_y: float
    anchor: Literal["start", "end"]
    kind: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: `dots` are attempts by start and duration, `markers` are events."""

    title: str
    dots: tuple[Dot, ...]
    markers: tuple[Marker, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def pictures(seen: Observation) -> tuple[Picture, Picture]:
    """The moments around the fault, and the whole run."""
    whole = (seen.began_at - seen.fault_at, max(_last_instant(seen) - seen.fault_at, 5.0))
    return (
        _picture("Around the fault", seen, -1.0, 3.0),
        _picture("The whole drill", seen, *whole),
    )


def _last_instant(seen: Observation) -> float:
    return max(
        [seen.healed_at, *(t.finished_at for t in seen.transactions), *(e.at for e in seen.events)],
    )


def _picture(title: str, seen: Observation, first: float, last: float) -> Picture:
    def x(seconds: float) -> float:
        share = (seconds - first) / (last - first)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    timed = [t for t in seen.transactions if first <= t.started_at - seen.fault_at <= last]
    dots = tuple(
        Dot(x(t.started_at - seen.fault_at), _y(t.seconds), _outcome(t), _title(t, seen.fault_at))
        for t in timed
    )
    return Picture(title, dots, _markers(seen, first, last, x), _x_ticks(first, last, x), _y_ticks())


def _y(seconds: float) -> float:
    clamped = min(max(seconds, FASTEST_SECONDS), SLOWEST_SECONDS)
    share = math.log(clamped / FASTEST_SECONDS) / math.log(SLOWEST_SECONDS / FASTEST_SECONDS)
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _outcome(attempt: Transaction) -> Outcome:
    if not attempt.accepted:
        return "failed"
    return "slow" if attempt.bad else "good"


def _title(attempt: Transaction, after_fault_seconds: float) -> str:
    told = attempt.error or f"reply {attempt.code}"
    server = f" by {attempt.server}" if attempt.server else ""
    return f"{after_fault_seconds:+.3f} s, {attempt.seconds * 1000:.0f} ms, {attempt.route}{server}: {told}"


def _first_of_each_kind(seen: Observation) -> list[tuple[float, EventKind]]:
    found: dict[EventKind, float] = {"fault": 0.0, "heal": seen.healing_at - seen.fault_at}
    for event in seen.events:
        if event.node in seen.hit and event.at >= seen.fault_at:
            at = event.at - seen.fault_at
            found[event.kind] = min(found.get(event.kind, at), at)
    return sorted((at, kind) for kind, at in found.items())


def _markers(seen: Observation, first: float, last: float, x: Scale) -> tuple[Marker, ...]:
    """Labels that would touch each other move to the next free row."""
    row_ends = [-math.inf] * LABEL_ROWS
    placed: list[Marker] = []
    for at, kind in _first_of_each_kind(seen):
        if not first <= at <= last:
            continue
        label = f"{EVENT_LABELS[kind]} {at * 1000:+.0f} ms" if kind != "fault" else EVENT_LABELS[kind]
        length = len(label) * LABEL_PIXELS_PER_CHARACTER
        position = x(at)
        at_right = position + length > WIDTH - RIGHT
        start = position - length if at_right else position
        row = next((r for r, end in enumerate(row_ends) if end < start), LABEL_ROWS - 1)
        row_ends[row] = start + length + 8
        label_y = 14.0 + row * LABEL_ROW_PIXELS
        placed.append(Marker(position, label, label_y, "end" if at_right else "start", kind))
    return tuple(placed)


def _x_ticks(first: float, last: float, x: Scale) -> tuple[Tick, ...]:
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 60) if (last - first) / s <= 12), 120)
    ticks, at = [], math.ceil(first / step) * step
    while at <= last:
        ticks.append(Tick(x(at), f"{at:g} s"))
        at += step
    return tuple(ticks)


def _y_ticks() -> tuple[Tick, ...]:
    return tuple(
        Tick(_y(seconds), label)
        for seconds, label in ((0.001, "1 ms"), (0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s"))
    )
