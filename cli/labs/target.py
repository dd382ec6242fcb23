"""A lab as the drills see it: its nodes, their faults, its load and its ledger."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cli.labs.faults import lab_fault, nodes_hit, possible_victims
from cli.labs.load import LabLoad
from cli.labs.mail import ledger_directory, list_queues, read_ledger
from drills.model import Event, EventKind, LedgerTotals, Transaction
from drills.protocols import Fault, FaultKind, Load
from fleet.spec.models import Environment
from fleet.steering import steered_names
from fleet.topology import Fleet
from lab.errors import LabError
from lab.ids import LabPaths
from lab.machine import entry, read

EVENTS_FILE = "/var/lib/mtafleet/failover/events.jsonl"
READ_EVENTS = ("sh", "-c", f"cat {EVENTS_FILE}.1 2>/dev/null; cat {EVENTS_FILE}")
STATUS_COMMAND = ("mtafleet-failover", "status", "--json")
NODE_TIMEOUT_SECONDS = 60.0
_KINDS: Mapping[str, EventKind] = {
    "suspect": "suspect",
    "down": "down",
    "up": "up",
    "haproxy_set": "haproxy_set",
    "dns_update": "dns_update",
}


class LabTarget:
    """Drills one lab's fleet."""

    def __init__(self, environment: Environment, paths: LabPaths, password: Callable[[str], str]) -> None:
        self._spec = environment
        self._fleet = Fleet.of(environment)
        self._paths = paths
        self._password = password

    @property
    def environment(self) -> str:
        return self._spec.environment

    def victims(self, kind: FaultKind) -> Sequence[str]:
        return possible_victims(self._fleet, kind)

    def nodes_hit(self, kind: FaultKind, victim: str) -> Sequence[str]:
        return nodes_hit(self._fleet, kind, victim)

    def troubles(self) -> Sequence[str]:
        dead = [
            f"{node.name} is not running"
            for node in self._fleet.nodes
            if not (state := read(self._paths, node.name)) or not state.running
        ]
        if dead:
            return dead
        observers = [node.name for node in self._fleet.nodes if node.role != "witness"]
        answers = self._on_nodes(observers, STATUS_COMMAND)
        wanted = {name: set(by_node.values()) for name, by_node in steered_names(self._fleet).items()}
        return sorted(
            {trouble for name, text in answers.items() for trouble in _troubles_told(name, text, wanted)}
        )

    def fault(self, kind: FaultKind, victim: str) -> Fault:
        return lab_fault(self._paths, self._fleet, kind, victim)

    def load(self, messages_per_second: int) -> Load:
        return LabLoad(self._spec, self._paths, self._password, messages_per_second)

    def events_since(self, instant: float) -> Sequence[Event]:
        answers = self._on_nodes([node.name for node in self._fleet.nodes], READ_EVENTS)
        found = [event for text in answers.values() if text for event in _events_told(text, instant)]
        return sorted(found, key=lambda event: event.at)

    def ledger(self, transactions: Sequence[Transaction]) -> LedgerTotals:
        listing = list_queues(self._spec, self._paths)
        totals = read_ledger(self._records(transactions), listing, self._paths).totals
        return LedgerTotals(
            accepted=totals.accepted,
            delivered=totals.delivered,
            deferred=totals.deferred,
            bounced=totals.bounced,
            lost=totals.lost,
            duplicated=totals.duplicated,
            unknown=totals.unknown,
        )

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def _records(self, transactions: Sequence[Transaction]) -> list[Path]:
        runs = sorted({attempt.message_id.rpartition("-")[0] for attempt in transactions})
        return [ledger_directory(self.environment) / f"{run}.jsonl" for run in runs]

    def _on_nodes(self, nodes: Sequence[str], command: Sequence[str]) -> dict[str, str | None]:
        """What the command printed on each node, None where it could not be run."""
        with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
            return dict(zip(nodes, pool.map(lambda node: self._on_node(node, command), nodes), strict=True))

    def _on_node(self, node: str, command: Sequence[str]) -> str | None:
        try:
            done = subprocess.run(
                entry(self._paths, node, command),
                capture_output=True,
                text=True,
                timeout=NODE_TIMEOUT_SECONDS,
                check=True,
            )
        except (LabError, OSError, subprocess.SubprocessError):
            return None
        return done.stdout


def _troubles_told(node: str, text: str | None, wanted: Mapping[str, set[str]]) -> Iterable[str]:
    """What a node's failover daemon does not like, one sentence each."""
    if text is None:
        yield f"the failover daemon of {node} does not answer"
        return
    status = json.loads(text)
    if status["doubt"]:
        yield f"{node} doubts itself: {status['doubt']}"
    for pool, members in status["pools"].items():
        for member, standings in members.items():
            for kind, one in standings.items():
                if not (one["in_service"] and one["healthy"]):
                    yield f"{node} sees {member} unfit for {pool} ({kind}): {one['reason']}"
    door = status["haproxy"]
    for server, one in (door or {"servers": {}})["servers"].items():
        if not one["running"] or one["state"] != "ready":
            yield f"the front door of {node} does not use {server}"
    if status["dns"] is not None:
        yield from _dns_troubles(status["dns"]["primaries"], wanted)


def _dns_troubles(primaries: Mapping[str, Any], wanted: Mapping[str, set[str]]) -> Iterable[str]:
    """What is missing from the answers of the name servers, as a node's daemon saw them last."""
    for primary, seen in primaries.items():
        if seen["error"]:
            yield f"{primary}: {seen['error']}"
            continue
        for name, addresses in wanted.items():
            if missing := addresses - set(seen["answers"].get(name, ())):
                yield f"{primary} answers {name} without {', '.join(sorted(missing))}"


def _events_told(text: str, since: float) -> Iterable[Event]:
    """The events in a daemon's file; its other kinds, and half-written lines, are passed over."""
    for line in text.splitlines():
        try:
            told: dict[str, Any] = json.loads(line)
            kind = _KINDS.get(told["kind"])
            at = float(told["at"])
        except (ValueError, KeyError, TypeError):
            continue
        if kind is not None and at >= since:
            yield Event(
                at, kind, str(told.get("node", "")), str(told["observer"]), str(told.get("reason", ""))
            )
