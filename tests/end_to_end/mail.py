"""Test mail by every stream, and what became of it."""

from dataclasses import dataclass
from typing import Any

from lab.mail.ledger import ledger_id_of
from lab.world.events import Event
from tests.end_to_end.command import mtafleet
from tests.end_to_end.system import System, at_once

COUNT = 200
MESSAGES_PER_SECOND = 20
SETTLE_SECONDS = 20
SETTLE_ROUNDS = 15
#: How each stream is submitted, so that all ways in are used: options of `mtafleet lab send`.
WAYS = (("--via", "sidecar"), ("--via", "direct"), ("--via", "sidecar", "--port", "587"))


@dataclass(frozen=True, slots=True)
class Sent:
    """One stream's messages: the sender's tally, the ledger's totals, and what providers saw."""

    stream: str
    sending: dict[str, Any]
    totals: dict[str, int]
    events: tuple[Event, ...]

    @property
    def accepted(self) -> list[Event]:
        return [event for event in self.events if event.outcome == "accepted"]


Mail = dict[str, Sent]


def send_to_all_streams(system: System) -> Mail:
    """Send COUNT messages of each stream, all streams at once; returns when all have settled."""
    streams = [pool.pool for pool in system.fleet.pools]
    pairs = [(stream, WAYS[number % len(WAYS)]) for number, stream in enumerate(streams)]
    sendings = at_once(lambda pair: send(pair[0], COUNT, MESSAGES_PER_SECOND, *pair[1]), pairs)
    return {
        stream: account(system, stream, sending) for stream, sending in zip(streams, sendings, strict=True)
    }


def send(stream: str, count: int, messages_per_second: float, *options: str) -> dict[str, Any]:
    """Send; returns the sender's tally."""
    size = ("--count", str(count), "--rate", str(messages_per_second))
    return mtafleet("lab", "send", "--json", "--stream", stream, *size, *options).json()


def account(system: System, stream: str, sending: dict[str, Any]) -> Sent:
    """Wait until a run has settled and gather everything about it."""
    run = str(sending["run"])
    ledger = settled(system, run)
    events = tuple(event for event in system.events() if _belongs(event, run))
    return Sent(stream, sending, ledger["totals"], events)


def settled(system: System, run: str) -> dict[str, Any]:
    """The ledger of a run once nothing of it is on its way any more, or all patience is at an end.

    On a busy computer a look-up or a connection may time out. Such a message would wait for minutes until it
    is tried again, so queues are flushed.
    """
    for _ in range(SETTLE_ROUNDS):
        done = mtafleet("lab", "ledger", "--json", "--run", run, "--wait", str(SETTLE_SECONDS)).json()
        totals = done["totals"]
        if not (totals["deferred"] or totals["lost"] or totals["unknown"]):
            break
        system.flush()
    return done


def _belongs(event: Event, run: str) -> bool:
    ids = [event.ledger_id, *map(ledger_id_of, event.recipients)]
    return any(one.rpartition("-")[0] == run for one in ids)
