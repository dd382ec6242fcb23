"""A drill's steady load in a lab: two senders on the application host, one through its own front door."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.labs.mail import new_run, send_order, sender_process, submitter
from drills.errors import DrillError
from drills.model import Transaction
from fleet.spec.models import Environment
from lab.errors import LabError
from lab.ids import LabPaths
from lab.mail.process import SendProcess, read_attempts
from lab.mail.sender import Attempt, Plan, Via

STREAM = "transactional"
MIX = "default"
SMTPS_PORT = 465
START_TIMEOUT_SECONDS = 90.0
DIRECT_SHARE = 0.04
"""So much of the load goes to the nodes' own front doors as DNS names them; the rest through the sidecar."""
SESSIONS_PER_SECOND_HELD = 12
"""Sessions a sender may hold open per message a second: a hung node must not slow the others' load."""


@dataclass(slots=True)
class _Running:
    """One sender, and the thread that follows what it reports."""

    via: Via
    process: SendProcess
    records: Path
    tally: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""
    first_report: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def follow(self) -> None:
        """Keep the latest tally until the sender has ended."""
        try:
            for tally in self.process.tallies():
                self.tally = tally
                if tally["accepted"]:
                    self.first_report.set()
        except LabError as error:
            self.failure = str(error)
        self.first_report.set()


class LabLoad:
    """Sends at a steady pace, a new session for each message, until stopped."""

    def __init__(
        self,
        environment: Environment,
        paths: LabPaths,
        password: Callable[[str], str],
        messages_per_second: int,
    ) -> None:
        direct = max(1, round(messages_per_second * DIRECT_SHARE))
        self._fleet = environment
        paces: dict[Via, int] = {"sidecar": messages_per_second, "direct": direct}
        self._senders = [_sender(environment, paths, password, via, pace) for via, pace in paces.items()]

    def start(self) -> None:
        for sender in self._senders:
            sender.process.start()
            sender.thread = threading.Thread(target=sender.follow, daemon=True)
            sender.thread.start()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        for sender in self._senders:
            sender.first_report.wait(max(0.0, deadline - time.monotonic()))
            self._require_accepted(sender)

    def stop(self) -> Sequence[Transaction]:
        for sender in self._senders:
            sender.process.stop()
        for sender in self._senders:
            if sender.thread is not None:
                sender.thread.join(timeout=60.0)
            sender.process.close()
        attempts = [attempt for sender in self._senders for attempt in read_attempts(sender.records)]
        nodes = [name for region in self._fleet.regions.values() for name in region.nodes]
        return [_transaction(attempt, nodes) for attempt in attempts]

    @property
    def records(self) -> list[Path]:
        """The record files of this load, for the ledger."""
        return [sender.records for sender in self._senders]

    def _require_accepted(self, sender: _Running) -> None:
        if sender.tally.get("accepted"):
            return
        why = sender.failure or sender.tally.get("first_error") or "no answer"
        raise DrillError(
            f"the fleet accepted no test message ({sender.via}): {why}; "
            f"`mtafleet status {self._fleet.environment}` tells what is wrong"
        )


def _sender(
    environment: Environment, paths: LabPaths, password: Callable[[str], str], via: Via, pace: int
) -> _Running:
    plan = Plan(
        run=f"{new_run(time.time())}{via[0]}",
        stream=STREAM,
        sender=submitter(environment, STREAM)[1],
        via=via,
        count=None,
        messages_per_second=pace,
        sessions=pace * SESSIONS_PER_SECOND_HELD,
        messages_per_session=1,
    )
    order = send_order(environment, password, paths, plan, MIX, SMTPS_PORT)
    return _Running(via, sender_process(environment, paths, order), Path(order.records))


def _transaction(attempt: Attempt, nodes: Sequence[str]) -> Transaction:
    labels = attempt.server.split(".")
    return Transaction(
        message_id=attempt.ledger_id,
        route=attempt.via,
        started_at=attempt.started_at,
        ready_at=attempt.banner_at,
        finished_at=attempt.finished_at,
        code=attempt.code,
        error=attempt.error or ("" if attempt.accepted else attempt.reply),
        server=next((node for node in nodes if node in labels), None),
        late_seconds=max(0.0, attempt.started_at - attempt.due_at),
    )
