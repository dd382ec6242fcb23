"""What became of each test message: the sender's, the queues' and the providers' records joined. Pure.

Read the queues first and the providers' events after them: a message that leaves a queue in between is then
seen where it arrived, and none is ever taken for lost while it moves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from lab.mail.sender import Attempt
from lab.world.events import Event

Fate = Literal["delivered", "deferred", "bounced", "lost"]


@dataclass(frozen=True, slots=True)
class Queued:
    """A recipient of a message that waits in a node's queue."""

    node: str
    queue: str
    recipient: str
    reason: str = ""

    @property
    def ledger_id(self) -> str:
        """See `ledger_id_of`."""
        return ledger_id_of(self.recipient)


class Queues(Protocol):
    """Looks into every queue of a fleet."""

    def __call__(self) -> "QueueListing": ...


@dataclass(frozen=True, slots=True)
class QueueListing:
    """All that waits, and the nodes that could not be asked."""

    queued: tuple[Queued, ...]
    unreachable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One message the fleet answered with 250, or may have taken without an answer."""

    ledger_id: str
    recipient: str
    acknowledged: bool
    fate: Fate
    deliveries: int
    provider: str = ""
    reply: str = ""
    """The last word about it: the provider's reply, or the queue's reason."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of messages.

    Every accepted message is exactly one of delivered, deferred, bounced and lost. `duplicated` are those
    delivered more than once, `extra_deliveries` the copies too many. `unknown` are attempts whose answer
    never came and of which nothing is to be seen; `delivered_unacknowledged` those that arrived all the
    same. `refused` attempts ended without a chance of delivery. `verified` counts deliveries that the
    provider had checked for SPF, DKIM and DMARC.
    """

    attempted: int
    accepted: int
    delivered: int
    deferred: int
    bounced: int
    lost: int
    duplicated: int
    extra_deliveries: int
    unknown: int
    delivered_unacknowledged: int
    refused: int
    verified: int

    @property
    def settled(self) -> bool:
        """Whether no accepted message is on its way any more."""
        return self.deferred == 0 and self.lost == 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """Totals, and the entries that are not simply delivered once."""

    totals: Totals
    remarkable: tuple[Entry, ...]
    deliveries_by_provider: Mapping[str, int]


def join(attempts: Iterable[Attempt], listing: QueueListing, events: Iterable[Event]) -> Ledger:
    """Join the three records; events and queue entries of other runs are left out."""
    tried = {attempt.ledger_id: attempt for attempt in attempts}
    waiting = {item.ledger_id: item for item in listing.queued}
    delivered: dict[str, list[Event]] = {}
    rejected: dict[str, Event] = {}
    for event in events:
        for ledger_id in _ids(event) & tried.keys():
            if event.outcome == "accepted":
                delivered.setdefault(ledger_id, []).append(event)
            elif event.outcome == "rejected":
                rejected[ledger_id] = event
    entries = [
        _entry(attempt, delivered.get(ledger_id, []), waiting.get(ledger_id), rejected.get(ledger_id))
        for ledger_id, attempt in tried.items()
        if attempt.accepted or attempt.in_doubt
    ]
    arrivals = [event for events_of_one in delivered.values() for event in events_of_one]
    return Ledger(
        totals=_totals(tried, entries, sum(event.authentication is not None for event in arrivals)),
        remarkable=tuple(
            entry
            for entry in entries
            if entry.fate != "delivered" or entry.deliveries > 1 or not entry.acknowledged
        ),
        deliveries_by_provider=dict(Counter(event.provider for event in arrivals)),
    )


def ledger_id_of(recipient: str) -> str:
    """The id in a test mailbox such as `ada.r1-000007@gmail.com`; "" when there is none."""
    return recipient.rpartition("@")[0].partition(".")[2]


def _ids(event: Event) -> set[str]:
    return {event.ledger_id} if event.ledger_id else {ledger_id_of(item) for item in event.recipients}


def _entry(attempt: Attempt, arrivals: list[Event], waiting: Queued | None, rejection: Event | None) -> Entry:
    fate: Fate = "lost"
    provider, reply = "", ""
    if arrivals:
        fate, provider, reply = "delivered", arrivals[-1].provider, arrivals[-1].reply
    elif waiting is not None:
        fate, reply = "deferred", waiting.reason
    elif rejection is not None:
        fate, provider, reply = "bounced", rejection.provider, rejection.reply
    return Entry(attempt.ledger_id, attempt.recipient, attempt.accepted, fate, len(arrivals), provider, reply)


def _totals(tried: Mapping[str, Attempt], entries: list[Entry], verified: int) -> Totals:
    fates = Counter(entry.fate for entry in entries if entry.acknowledged)
    unanswered = [entry for entry in entries if not entry.acknowledged]
    return Totals(
        attempted=len(tried),
        accepted=sum(attempt.accepted for attempt in tried.values()),
        delivered=fates["delivered"],
        deferred=fates["deferred"],
        bounced=fates["bounced"],
        lost=fates["lost"],
        duplicated=sum(entry.deliveries > 1 for entry in entries),
        extra_deliveries=sum(max(0, entry.deliveries - 1) for entry in entries),
        unknown=sum(entry.fate == "lost" for entry in unanswered),
        delivered_unacknowledged=sum(entry.fate == "delivered" for entry in unanswered),
        refused=sum(not attempt.accepted and not attempt.in_doubt for attempt in tried.values()),
        verified=verified,
    )
