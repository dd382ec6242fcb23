"""What the steered zone should answer, and the update that makes it so. Pure.

The answer is never empty, an address is only added for a front door that was seen to work, and each
update carries what was observed as a prerequisite, so that of two writers one comes too late and looks
again instead of undoing the other's work.

The zone also keeps the epoch of the lease under which it was written last. It is a prerequisite of every
update and is raised by it, so that a writer whose lease has passed on is refused by the name server itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from failover.config import SteeredRecord
from failover.errors import ZoneError

SERIAL_SPACE = 2**32
EPOCH_LABEL = "_epoch"
"""The name below the zone whose TXT record holds the epoch."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One name's A records as a primary gives them; no addresses when the name does not exist."""

    addresses: frozenset[str] = frozenset()
    ttl_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ZoneView:
    """What one primary answered."""

    serial: int
    answers: Mapping[str, Answer] = field(default_factory=dict)
    epoch: int | None = None
    """The epoch it was written under last; None when nobody has written it under a lease yet."""


@dataclass(frozen=True, slots=True)
class Fence:
    """The zone's epoch from `before` (the prerequisite) to `after`; it never falls."""

    before: int | None
    after: int | None
    """None only for the very first answers of a zone, which need no lease."""

    def __post_init__(self) -> None:
        if self.before is not None and (self.after is None or self.after < self.before):
            raise ZoneError(f"epoch {self.before} of the zone is above that of the lease, {self.after}")

    @property
    def rises(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One name's answer from `before` (the prerequisite) to `after`."""

    name: str
    before: Answer
    after: Answer

    def __post_init__(self) -> None:
        if not self.after.addresses:
            raise ZoneError(f"{self.name}: an empty answer is never written")


def wanted_addresses(
    record: SteeredRecord, before: Answer, in_service: Callable[[str], bool], proven: Callable[[str], bool]
) -> frozenset[str]:
    """Addresses `record` should have now: nodes in service, those not in the answer yet only when proven.

    When that would leave none, the present answer stays.
    """
    wanted = frozenset(
        address
        for node, address in record.addresses.items()
        if in_service(node) and (address in before.addresses or proven(node))
    )
    return wanted or before.addresses


def plan_changes(
    records: Sequence[SteeredRecord],
    view: ZoneView,
    ttl_seconds: int,
    in_service: Callable[[SteeredRecord, str], bool],
    proven: Callable[[SteeredRecord, str], bool],
) -> tuple[RecordChange, ...]:
    """The changes that turn `view` into what is wanted; nothing when it is so already."""
    changes = []
    for record in records:
        before = view.answers.get(record.name, Answer())
        addresses = wanted_addresses(record, before, partial(in_service, record), partial(proven, record))
        after = Answer(addresses, ttl_seconds)
        if addresses and after != before:
            changes.append(RecordChange(record.name, before, after))
    return tuple(changes)


def fence_of(view: ZoneView, epoch: int | None) -> Fence | None:
    """The fence for an update under the lease's `epoch`; None when that permits none."""
    if epoch is None or (view.epoch is not None and view.epoch > epoch):
        return None
    return Fence(view.epoch, epoch)


def first_answers(view: ZoneView, changes: Sequence[RecordChange]) -> tuple[RecordChange, ...]:
    """Those of `changes` that give an answer to a name without one, in a zone never written under a lease."""
    if view.epoch is not None:
        return ()
    return tuple(one for one in changes if not one.before.addresses)


def is_later(serial: int, than: int) -> bool:
    """Whether `serial` comes after `than` in the arithmetic of RFC 1982."""
    return 0 < (serial - than) % SERIAL_SPACE < SERIAL_SPACE // 2


def describe(changes: Sequence[RecordChange]) -> str:
    """One sentence that says what the changes add and remove."""
    parts = []
    for change in changes:
        gone = sorted(change.before.addresses - change.after.addresses)
        come = sorted(change.after.addresses - change.before.addresses)
        words = [f"without {', '.join(gone)}"] if gone else []
        words += [f"with {', '.join(come)}"] if come else []
        parts.append(f"{change.name} {' and '.join(words) or f'with TTL {change.after.ttl_seconds} s'}")
    return "; ".join(parts)
