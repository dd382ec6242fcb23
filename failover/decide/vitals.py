"""What a node says of itself in figures, and what speaks against it by these. Pure.

A figure that has crossed its limit counts as wrong until it is well clear of it, so that one that trembles
about its limit moves nobody in and out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from failover.decide.faults import Fault

CLEAR_SHARE = 0.8
"""A figure is well again below this share of its limit."""
CLEAR_PERCENT_POINTS = 2
"""And free space when it is so much above its limit."""
NEAR_SHARE = 0.5
"""From this share on a figure shows that a node suffers from what another complains of already."""


class QueueFigures(NamedTuple):
    """One Postfix instance's queue."""

    waiting: int
    """Messages in all of its parts."""
    untaken_seconds: int
    """For how long the oldest message has waited for the queue manager to take it up; 0: none does."""
    messages_per_hour: int | None = None
    """What the instance takes in; None while it is not known."""


class Vitals(NamedTuple):
    """What a node knows of itself; None: it cannot tell."""

    disk_free_percent: int | None = None
    """Of the spools' file system, space or inodes, whatever is scarcer."""
    cpu_pressure_percent: int | None = None
    """The share of time in which something that could run had to wait for a processor."""
    lag_milliseconds: int | None = None
    """How late its daemon's own loop runs, on average."""
    certificate_seconds: int | None = None
    """Until its certificate expires; negative afterwards."""
    queues: Mapping[str, QueueFigures] = {}
    """By pool."""
    shut: Mapping[str, str] = {}
    """Pool -> one of its addresses on this node from which no exchanger can be reached."""
    lost: Mapping[str, str] = {}
    """Pool -> what became of the node's own messages through its instance, where these do not arrive."""


class Ailment(StrEnum):
    """What figures can say against a node."""

    DISK = "disk"
    CERTIFICATE = "certificate"
    STUCK = "stuck queue"
    WAY_OUT = "way out"
    CANARY = "canary"
    LONG = "long queue"
    OVERLOAD = "overload"
    STARVED = "starved"

    @property
    def fault(self) -> Fault:
        return Fault.OVERLOAD if self in _TOO_MUCH_TO_DO else Fault.GRAY

    @property
    def may_come_from_outside(self) -> bool:
        """Whether it has one cause outside of all nodes when most have it: taking them out mends nothing."""
        return self in _TOO_MUCH_TO_DO or self in _OFTEN_COMMON


_OFTEN_COMMON = frozenset({Ailment.STUCK, Ailment.WAY_OUT, Ailment.CANARY, Ailment.CERTIFICATE})
_TOO_MUCH_TO_DO = frozenset({Ailment.LONG, Ailment.OVERLOAD, Ailment.STARVED})


class Complaint(NamedTuple):
    ailment: Ailment
    pool: str | None
    """None: it concerns all of the node's instances."""
    reason: str
    """As it was when the complaint began."""


@dataclass(frozen=True, slots=True)
class VitalLimits:
    """What a node may say of itself and still count as well; None: not heeded."""

    least_disk_free_percent: int | None = None
    most_untaken_seconds: int | None = None
    most_waiting_messages: int | None = None
    most_cpu_pressure_percent: int | None = None
    most_lag_milliseconds: int | None = None


Complaints = tuple[Complaint, ...]


def complaints(vitals: Vitals, limits: VitalLimits, before: Complaints) -> Complaints:
    """What is wrong by `vitals`; what was wrong `before` keeps its words, until it is well clear.

    A figure that is not told any more clears nothing: who counts may hang on what is wrong.
    """
    known = {(one.ailment, one.pool): one for one in before}
    judged = list(_judged(vitals, limits))
    told = {(one.ailment, one.pool) for one, _ in judged}
    found = [one for key, one in known.items() if key not in told and _may_be_untold(one, vitals)]
    for complaint, share in judged:
        was = known.get((complaint.ailment, complaint.pool))
        if share > 1 or (was is not None and share > CLEAR_SHARE):
            found.append(was or complaint)
    return tuple({(one.ailment, one.pool): one for one in found}.values())


def _may_be_untold(complaint: Complaint, vitals: Vitals) -> bool:
    """Whether the lack of its figure means that nobody has counted, and not that there is nothing to tell."""
    if complaint.ailment in (Ailment.STUCK, Ailment.LONG):
        return not vitals.queues  # one queue alone is left out of a report when it has least to say
    return complaint.ailment not in (Ailment.WAY_OUT, Ailment.CANARY)


def is_near(vitals: Vitals, limits: VitalLimits, ailment: Ailment, pool: str | None) -> bool:
    """Whether the same is about to be wrong here too."""
    return any(
        share > NEAR_SHARE and one.ailment is ailment and one.pool == pool
        for one, share in _judged(vitals, limits)
    )


def _judged(vitals: Vitals, limits: VitalLimits) -> Iterator[tuple[Complaint, float]]:
    """What may be wrong, and what share of its limit it has reached."""
    yield from _node(vitals, limits)
    for pool, queue in vitals.queues.items():
        yield from _queue(pool, queue, limits)
    for pool, address in vitals.shut.items():
        yield Complaint(Ailment.WAY_OUT, pool, f"from {address} it reaches no mail exchanger"), _WRONG
    for pool, said in vitals.lost.items():
        yield Complaint(Ailment.CANARY, pool, said), _WRONG


_WRONG, _UNCLEAR, _FINE = 2.0, 0.9, 0.0


def _node(vitals: Vitals, limits: VitalLimits) -> Iterator[tuple[Complaint, float]]:
    free, least = vitals.disk_free_percent, limits.least_disk_free_percent
    if free is not None and least is not None:
        said = f"its spool has {free} % left, less than {least} %"
        yield Complaint(Ailment.DISK, None, said), _scarcity(free, least)
    if (seconds := vitals.certificate_seconds) is not None:
        said = "its certificate has expired"
        yield Complaint(Ailment.CERTIFICATE, None, said), _FINE if seconds > 0 else _WRONG
    pressure, most = vitals.cpu_pressure_percent, limits.most_cpu_pressure_percent
    if pressure is not None and most is not None:
        said = f"for {pressure} % of the time something waits for its processors"
        yield Complaint(Ailment.OVERLOAD, None, said), pressure / most
    lag, most = vitals.lag_milliseconds, limits.most_lag_milliseconds
    if lag is not None and most is not None:
        said = f"its daemon runs {lag} ms late, starved of its processors"
        yield Complaint(Ailment.STARVED, None, said), lag / most


def _scarcity(free: int, least: int) -> float:
    if free < least:
        return _WRONG
    return _UNCLEAR if free < least + CLEAR_PERCENT_POINTS else _FINE


def _queue(pool: str, queue: QueueFigures, limits: VitalLimits) -> Iterator[tuple[Complaint, float]]:
    waited, most = queue.untaken_seconds, limits.most_untaken_seconds
    if most is not None:
        said = f"the queue of {pool} is stuck: a message has waited {waited} s to be taken up"
        yield Complaint(Ailment.STUCK, pool, said), waited / most
    if (most := limits.most_waiting_messages) is not None:
        said = f"{queue.waiting} messages wait in the queue of {pool}"
        yield Complaint(Ailment.LONG, pool, said), queue.waiting / most
