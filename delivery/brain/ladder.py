"""The steps a path's pace may take: few, known beforehand, so that each is a Postfix transport. Pure.

Postfix paces in whole seconds between messages. So a step up to one message a second is exactly a pause; a
faster one has no pause and is bounded by its connections, and whoever hands out mail counts its messages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from fleet.catalogue import Isp, Stage, StageLimits

SECOND_PACE_PER_HOUR = 3600
LOWEST_PER_HOUR = 12
"""One message in five minutes: enough to notice that an ISP has calmed down, too few to press it."""
UNLIMITED_PER_CONNECTION_PER_HOUR = 3600
"""Where no rate is known, one message a second and connection: what a session over the Internet with some
round trips of 100 ms for each message sustains. It orders the steps; the top one has no pause."""


@dataclass(frozen=True, slots=True)
class Step:
    """One pace towards an ISP."""

    messages_per_hour: int
    connections: int

    @property
    def pause_seconds(self) -> int:
        """After each message, as `_transport_rate_delay`; 0 for none."""
        return pause_seconds(self.messages_per_hour)


def pause_seconds(messages_per_hour: int) -> int:
    if messages_per_hour > SECOND_PACE_PER_HOUR:
        return 0
    return -(-SECOND_PACE_PER_HOUR // max(1, messages_per_hour))


def ladder(isp: Isp) -> tuple[Step, ...]:
    """All steps towards `isp`, lowest first: the cap of each standing, and shares of the highest.

    Each next step is at most about twice the one before; the highest two are three quarters apart, since
    most of the mail is sent there.
    """
    top = isp.limits.established
    most = messages_per_hour_cap(top)
    caps = (messages_per_hour_cap(isp.limits_at(stage)) for stage in Stage)
    rates = {_renderable(rate) for rate in chain(caps, (most * 3 / 4,), _halves(most))}
    wanted = sorted(rate for rate in rates if min(LOWEST_PER_HOUR, most) <= rate <= most)
    return tuple(Step(rate, _connections(rate, most, isp)) for rate in wanted)


def messages_per_hour_cap(limits: StageLimits) -> int:
    """What the catalogue allows an address of one standing; of connections alone when no rate is known."""
    caps = [limits.connections.value * UNLIMITED_PER_CONNECTION_PER_HOUR]
    rates = []
    if limits.messages_per_minute is not None:
        rates.append(limits.messages_per_minute.value * 60)
    if limits.messages_per_hour is not None:
        rates.append(limits.messages_per_hour.value)
    return min(rates or caps)


def highest_within(steps: Sequence[Step], messages_per_hour: float, connections: int) -> int | None:
    """The number of the highest step that keeps within both; None when even the lowest does not."""
    within = [
        number
        for number, step in enumerate(steps)
        if step.messages_per_hour <= messages_per_hour and step.connections <= connections
    ]
    return max(within, default=None)


def _halves(most: int) -> Iterable[float]:
    rate = float(most)
    while rate >= LOWEST_PER_HOUR:
        yield rate
        rate /= 2
    yield LOWEST_PER_HOUR


def _renderable(rate: float) -> int:
    """The highest rate up to `rate` that a whole pause gives: the most messages in any one hour."""
    whole = max(1, int(rate))
    return whole if whole > SECOND_PACE_PER_HOUR else -(-SECOND_PACE_PER_HOUR // pause_seconds(whole))


def _connections(rate: int, most: int, isp: Isp) -> int:
    """In proportion, one at least, and never more than the smallest standing that may run this rate has."""
    share = max(1, isp.limits.established.connections.value * rate // most)
    caps = [
        limits.connections.value
        for limits in map(isp.limits_at, Stage)
        if _renderable(messages_per_hour_cap(limits)) >= rate
    ]
    return min([share, *caps])
