"""What a drill observes: transactions of its load, events of the fleet, totals of the ledger.

All instants are seconds since the epoch as read on the machine that runs the drill; durations are
in seconds. Objects are immutable, so that a report can be made again from a stored record.
"""

from dataclasses import dataclass, field
from typing import Literal

SLOW_SECONDS = 0.5
"""A transaction that takes longer, from banner to final reply, counts as an attempt that failed its user."""

Route = Literal["sidecar", "direct"]
EventKind = Literal[
    "fault", "suspect", "down", "haproxy_set", "dns_update", "heal", "machine_up", "up", "in_service"
]


@dataclass(frozen=True, slots=True)
class Transaction:
    """One attempt to hand over one message.

    `started_at` is the connect (or the MAIL command on a reused session), `ready_at` the banner; `code` is
    the final reply, None when there was none. `server` is the node that took part in it, where known.
    `late_seconds` is how long after its time the sender began it: only one that got no processor is late.
    """

    message_id: str
    route: Route
    started_at: float
    ready_at: float | None
    finished_at: float
    code: int | None
    error: str = ""
    server: str | None = None
    late_seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        return self.code is not None and 200 <= self.code < 300

    @property
    def seconds(self) -> float:
        return self.finished_at - self.started_at

    @property
    def bad(self) -> bool:
        """Not accepted, or so slow that a user would have noticed."""
        return not self.accepted or self.seconds > SLOW_SECONDS


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the fleet, told by `observer`."""

    at: float
    kind: EventKind
    node: str
    observer: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """How every attempted message ended; `accepted` counts those the fleet answered 250."""

    accepted: int
    delivered: int
    deferred: int
    bounced: int
    lost: int
    duplicated: int
    unknown: int

    @property
    def settled(self) -> bool:
        """No message is still on its way."""
        return self.deferred == 0 and self.lost == 0


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything a finished drill saw; input of the analysis and of the report."""

    scenario: str
    environment: str
    victim: str
    seed: int
    began_at: float
    fault_at: float
    healing_at: float
    """When the repair began; until then the fault was whole."""

    healed_at: float
    """When the repair had ended: the machine boots, packets pass, processes go on."""

    ended_at: float
    transactions: tuple[Transaction, ...]
    events: tuple[Event, ...]
    ledger: LedgerTotals
    recovered: bool
    nodes: tuple[str, ...] = ()
    """The nodes that were hit; empty: the victim itself."""
    notes: tuple[str, ...] = field(default=())

    @property
    def hit(self) -> frozenset[str]:
        return frozenset(self.nodes or (self.victim,))
