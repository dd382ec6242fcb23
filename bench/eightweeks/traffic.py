"""What is to be sent in the eight weeks, and what goes wrong in them; the same for every approach."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.eightweeks.isp_model import Receiver
from bench.eightweeks.receiver import TICKS_PER_DAY

DAYS = 56
TICKS = DAYS * TICKS_PER_DAY
LIFETIME_TICKS = 5 * TICKS_PER_DAY
"""A queue's lifetime."""
PER_DAY = {"transactional": 60_000, "notification": 100_000, "marketing": 400_000}
DEADLINE_HOURS = {"transactional": 1.0, "notification": 6.0, "marketing": 48.0}
"""Most wait for each class. Marketing: a mailing is of use for two days."""
NEW_ADDRESSES_DAY = 7
BAD_LIST_DAY, BAD_LIST_MESSAGES, BAD_LIST_INVALID = 16, 100_000, 0.30
DOUBLED_DAYS = range(28, 35)
BURNT_DAY, DELISTED_DAY = 38, 42
REGION_LOST_TICKS = range(46 * TICKS_PER_DAY + 18, 47 * TICKS_PER_DAY + 42)
"""36 hours from nine in the morning of the 47th day."""
INVALID_SHARE = 0.005
COMPLAINT_SHARE = {"transactional": 0.00002, "notification": 0.0001, "marketing": 0.0005}
BAD_COMPLAINT_SHARE = 0.008


@dataclass(slots=True)
class Batch:
    """Messages of one class to one ISP that came in one tick."""

    created: int
    good: int
    invalid: int
    complaint_share: float
    due: int
    tries: int = 0

    @property
    def messages(self) -> int:
        return self.good + self.invalid


def arrivals(tick: int, receivers: Mapping[str, Receiver]) -> Iterator[tuple[str, str, Batch]]:
    """(class, ISP, batch) for one tick: a day's curve for people's mail, mornings for mailings."""
    day, of_day = divmod(tick, TICKS_PER_DAY)
    hour = of_day * 24 / TICKS_PER_DAY
    for kind, per_day in PER_DAY.items():
        factor = 2 if kind == "marketing" and day in DOUBLED_DAYS else 1
        count = per_day * factor * _share(kind, hour)
        for isp, model in receivers.items():
            messages = int(count * model.share_of_mail)
            if messages:
                invalid = int(messages * INVALID_SHARE)
                yield kind, isp, Batch(tick, messages - invalid, invalid, COMPLAINT_SHARE[kind], tick)
    if day == BAD_LIST_DAY and 9 <= hour < 10:
        for isp, model in receivers.items():
            messages = int(BAD_LIST_MESSAGES * model.share_of_mail / 2)
            invalid = int(messages * BAD_LIST_INVALID)
            yield "marketing", isp, Batch(tick, messages - invalid, invalid, BAD_COMPLAINT_SHARE, tick)


def _share(kind: str, hour: float) -> float:
    """Of the day's volume, in a tick that begins at `hour`."""
    if kind == "marketing":
        return 1 / 2 if 9 <= hour < 10 else 0.0  # an application hands a mailing over as fast as it can
    waking = 30  # ticks from seven to ten at night
    most = 1.4 / TICKS_PER_DAY
    return most if 7 <= hour < 22 else (1 - waking * most) / (TICKS_PER_DAY - waking)


class Queue:
    """Batches of one class to one ISP; those alike are one, so that there are never many."""

    def __init__(self) -> None:
        self._batches: dict[tuple[int, float, int, int], Batch] = {}
        self._messages = 0

    def add(self, batch: Batch) -> None:
        if not batch.messages:
            return
        self._messages += batch.messages
        key = (batch.created, batch.complaint_share, batch.due, batch.tries)
        alike = self._batches.get(key)
        if alike is None:
            self._batches[key] = batch
        else:
            alike.good += batch.good
            alike.invalid += batch.invalid

    def __len__(self) -> int:
        return self._messages

    def due(self, tick: int) -> int:
        return sum(batch.messages for batch in self._batches.values() if batch.due <= tick)

    def refused(self) -> int:
        """Messages that wait for another try."""
        return sum(batch.messages for key, batch in self._batches.items() if key[3])

    def expire(self, tick: int) -> int:
        """Valid messages given up; they are removed."""
        old = [key for key in self._batches if tick - key[0] >= LIFETIME_TICKS]
        gone = [self._batches.pop(key) for key in old]
        self._messages -= sum(batch.messages for batch in gone)
        return sum(batch.good for batch in gone)

    def take(self, tick: int, messages: int) -> list[Batch]:
        """The oldest `messages` that are due, as batches of their own."""
        taken = []
        for key in sorted(key for key, batch in self._batches.items() if batch.due <= tick):
            batch = self._batches[key]
            count = min(messages, batch.messages)
            if not count:
                break
            invalid = batch.invalid * count // batch.messages
            part = Batch(
                batch.created, count - invalid, invalid, batch.complaint_share, batch.due, batch.tries
            )
            taken.append(part)
            batch.good -= part.good
            batch.invalid -= part.invalid
            messages -= count
            self._messages -= count
            if not batch.messages:
                del self._batches[key]
        return taken
