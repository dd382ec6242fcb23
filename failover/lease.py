"""The lease on writing DNS: who holds it, under which epoch, and when it may pass on. Pure.

One record in a shared store, changed by compare-and-set only. Its *epoch* is a fencing token: it rises with
every change of holder and never falls, so that name servers can refuse a holder who does not know yet that
he is one no more.

No node ever compares its clock with another's. A holder believes for one term from the moment it *began* its
last renewal that succeeded. Another takes the record only after having seen the very same revision for
longer than that, by its own clock, from the moment it *received* it; clocks may run apart by the difference.
A renewal whose answer was lost may or may not count: the record is read again before anything else is tried.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, Protocol

PATIENCE_FACTOR = 1.1
"""A record must have stood still for this many terms: clocks may run apart by a tenth."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value in the store, and the revision that compare-and-set names."""

    value: bytes
    revision: int


class Store(Protocol):
    """A key's value, linearizable. Every method may raise StoreError: what was asked for may or may not have
    happened. StoreConflict says that it has not."""

    async def get(self) -> Entry | None:
        """The present value; None when there is none."""

    async def create(self, value: bytes) -> int:
        """Write where nothing is; the new revision. StoreConflict when something is there."""

    async def update(self, value: bytes, revision: int) -> int:
        """Replace that very revision; the new one. StoreConflict when it is no longer the present one."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What the store holds."""

    holder: str
    """A node's name; empty when the lease was given back."""
    run: str
    """Which run of the holder's daemon: a daemon started anew is somebody else."""
    epoch: int
    renewal: int
    """Counts the holder's renewals."""
    term_seconds: float

    def encode(self) -> bytes:
        """As JSON; `decode_record` gives it back."""
        value = {
            "holder": self.holder,
            "run": self.run,
            "epoch": self.epoch,
            "renewal": self.renewal,
            "term_seconds": self.term_seconds,
        }
        return json.dumps(value).encode()


def decode_record(value: bytes) -> LeaseRecord | None:
    """The record in `value`; None when it is none, which counts as a lease that stands still."""
    try:
        fields: Any = json.loads(value)
        record = LeaseRecord(
            holder=str(fields["holder"]),
            run=str(fields["run"]),
            epoch=int(fields["epoch"]),
            renewal=int(fields["renewal"]),
            term_seconds=float(fields["term_seconds"]),
        )
    except (ValueError, TypeError, KeyError):
        return None
    return record if record.epoch >= 0 and 0 < record.term_seconds < 3600 else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A compare-and-set to be made: `record` in place of `revision` (None: in place of nothing)."""

    record: LeaseRecord
    revision: int | None
    began_at: float
    """The candidate's clock when it was proposed."""


class Candidate:
    """One node's part: feed it what the store said, do what it proposes, ask it for its epoch.

    Every `now` is this node's own clock, in seconds, and never runs back.
    """

    def __init__(self, node: str, run: str, term_seconds: float) -> None:
        """`run` must differ from that of every earlier candidate of this node."""
        self.node = node
        self.run = run
        self.term_seconds = term_seconds
        self.record: LeaseRecord | None = None
        """As it was seen last."""
        self.must_read = True
        """Whether what the store holds has to be read before the next attempt."""
        self._revision: int | None = None
        self._unchanged_since: float | None = None
        self._held_epoch = 0
        self._held_until = float("-inf")

    def epoch(self, now: float) -> int | None:
        """The fencing token under which this node may write at `now`; None when it may not."""
        return self._held_epoch if now < self._held_until else None

    def saw(self, entry: Entry | None, now: float) -> None:
        """What the store held; `now` is the time at which the answer came."""
        revision = entry.revision if entry else None
        if self._unchanged_since is None or revision != self._revision:
            self._unchanged_since = now
        self._revision = revision
        self.record = decode_record(entry.value) if entry else None
        self.must_read = False
        if not self.is_holder:
            self._held_until = float("-inf")

    def still_seconds(self, now: float) -> float | None:
        """For how long the record has been seen to stand still; None before it was seen at all."""
        return None if self._unchanged_since is None else now - self._unchanged_since

    @property
    def is_holder(self) -> bool:
        """Whether the record, as it was seen last, names this candidate: that alone permits nothing."""
        return self.record is not None and (self.record.holder, self.record.run) == (self.node, self.run)

    def propose(self, now: float, *, willing: bool, epoch_above: int, wait_seconds: float) -> Attempt | None:
        """What to write now, if anything.

        `willing`: whether this node would hold the lease. `epoch_above`: the highest epoch that name servers
        are known to have; a new one is higher. `wait_seconds` puts this node behind others when the lease is
        free. Giving the lease back ends this node's belief at once, whatever becomes of the attempt.
        """
        if self.must_read or self._unchanged_since is None:
            return None
        if self.record is not None and self.is_holder:
            if not willing:
                self._held_until = float("-inf")
                return Attempt(replace(self.record, holder="", run=""), self._revision, now)
            return Attempt(self._renewed(self.record, epoch_above), self._revision, now)
        free_at = self._unchanged_since + self._standstill_seconds() + wait_seconds
        if not willing or now < free_at:
            return None
        known = self.record.epoch if self.record else 0
        record = LeaseRecord(self.node, self.run, max(known, epoch_above) + 1, 0, self.term_seconds)
        return Attempt(record, self._revision, now)

    def succeeded(self, attempt: Attempt, revision: int, now: float) -> None:
        """The store took `attempt`."""
        self.record, self._revision, self._unchanged_since = attempt.record, revision, now
        self.must_read = False
        if attempt.record.holder == self.node:
            self._held_epoch = attempt.record.epoch
            self._held_until = attempt.began_at + attempt.record.term_seconds

    def failed(self) -> None:
        """The store refused the attempt, or nobody knows what became of it."""
        self.must_read = True

    def _standstill_seconds(self) -> float:
        """How long the record must have stood still before another may take it."""
        if self.record is None:
            return self.term_seconds * PATIENCE_FACTOR
        if not self.record.holder:
            return 0.0
        return max(self.term_seconds, self.record.term_seconds) * PATIENCE_FACTOR

    def _renewed(self, record: LeaseRecord, epoch_above: int) -> LeaseRecord:
        """The same lease again; under a new epoch when name servers have seen a higher one."""
        epoch = record.epoch if epoch_above <= record.epoch else epoch_above + 1
        return replace(record, epoch=epoch, renewal=record.renewal + 1, term_seconds=self.term_seconds)
