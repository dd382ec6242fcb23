"""What a drill needs from the world; the command line wires these to a lab or to a real fleet."""

from collections.abc import Sequence
from typing import Literal, Protocol

from drills.model import Event, LedgerTotals, Transaction

FaultKind = Literal[
    "crash",
    "blackhole",
    "hang",
    "mute",
    "refuse",
    "door",
    "region",
    "name server",
    "store server",
    "store quorum",
    "daemon killed",
    "daemon hung",
]
"""What `drills.scenario` says in a sentence each."""


class Fault(Protocol):
    """One reversible fault on one node."""

    def inject(self) -> float:
        """Break the node; returns the instant at which it broke (seconds since the epoch)."""

    def heal(self) -> float:
        """Undo the fault and whatever it left; safe to call at any time, also twice."""


class Load(Protocol):
    """A steady stream of test messages, running beside the drill."""

    def start(self) -> None:
        """Begin sending; returns when the first message was accepted or raises `DrillError`."""

    def stop(self) -> Sequence[Transaction]:
        """Stop sending, wait for attempts under way, and return every attempt made."""


class Target(Protocol):
    """A fleet a drill can be run against."""

    @property
    def environment(self) -> str: ...

    def victims(self, kind: FaultKind) -> Sequence[str]:
        """What a fault of this kind may hit: nodes, or regions."""

    def nodes_hit(self, kind: FaultKind, victim: str) -> Sequence[str]:
        """The nodes that a fault of `victim` takes traffic from."""

    def troubles(self) -> Sequence[str]:
        """Why the fleet is not in its steady state now, one sentence each; empty when it is."""

    def fault(self, kind: FaultKind, victim: str) -> Fault: ...

    def load(self, messages_per_second: int) -> Load: ...

    def events_since(self, instant: float) -> Sequence[Event]:
        """What the fleet's daemons recorded from `instant` on, oldest first."""

    def ledger(self, transactions: Sequence[Transaction]) -> LedgerTotals:
        """How the drill's own messages ended so far."""

    def pause(self, seconds: float) -> None:
        """Let the world go on for `seconds`."""
