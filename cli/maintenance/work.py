"""Taking a node out of service and putting it back: orders, agreement, mail. Knows a fleet by `Nodes`."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cli.maintenance.errors import MaintenanceError
from cli.maintenance.handover import HandedOver, Tiers
from failover.agreement import held, not_in, objections, others_out, still_in
from failover.orders import render_time
from failover.overview import Observer, overview
from infra.ssh import Reply

AGREE_SECONDS = 60.0
"""Daemons look at their orders twice a second and write DNS at once; name servers are asked directly."""
POLL_SECONDS = 0.5
TELL_SECONDS = 10.0
SETTLE_SECONDS = 60.0
"""For sessions to end and for every message to be tried, before peers get what was deferred until then."""
ROUND_SECONDS = 15.0
REST_SECONDS = 5.0
"""After a round in which no peer took anything."""


@dataclass(frozen=True, slots=True)
class Busy:
    """What still happens on a node: messages in its queues by instance, and client sessions under way."""

    queued: Mapping[str, int]
    sessions: int
    moving: int = 0
    """Messages among them that are tried now."""

    @property
    def messages(self) -> int:
        return sum(self.queued.values())

    def __str__(self) -> str:
        where = ", ".join(f"{count} in {name}" for name, count in self.queued.items() if count)
        return f"{self.messages} messages{f' ({where})' if where else ''} and {self.sessions} sessions"


class Nodes(Protocol):
    """A fleet whose nodes can be given orders."""

    def observers(self) -> Sequence[Observer]: ...

    def dns_names(self, node: str) -> Sequence[str]:
        """Where DNS still answers with `node`, one sentence each."""

    def dns_lacks(self, node: str) -> Sequence[str]:
        """Where DNS does not answer with `node` yet, one sentence each."""

    def order(self, words: Sequence[str]) -> Mapping[str, Reply]:
        """Run `mtafleet-maintenance` on every node."""

    def busy(self, node: str) -> Busy: ...

    def try_queue(self, node: str) -> None:
        """Have the node try all of its queued mail once, now."""

    def hand_over(self, node: str, seconds: float, *, untried: bool) -> HandedOver:
        """Have the node give waiting mail to healthy peers for so long at most.

        `untried` adds mail that waits for its first attempt.
        """

    def routes(self, node: str) -> Mapping[str, Tiers]:
        """Who would get the node's mail now, by pool."""


@dataclass(frozen=True, slots=True)
class Request:
    """Take `node` out of service until `until`, and wait `timeout_seconds` for its mail to leave."""

    node: str
    owner: str
    reason: str
    since: datetime
    until: datetime
    timeout_seconds: float
    floor_percent: int
    dns_ttl_seconds: int
    checks_seconds: int = 0
    """So long health checkers may need to find out that it has left service, before its answers go."""
    alone: bool = False
    """Refuse while any other node is out of service."""
    hand_over: bool = True
    """Peers get the mail that one attempt did not deliver."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Time, and whom to tell."""

    tell: Callable[[str], None] = lambda _: None
    handed: Callable[[HandedOver], None] = lambda _: None
    """Called after each round in which peers took mail."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain ended: `drained`, or `busy` when the time was up before its mail had left."""

    outcome: str
    busy: Busy
    seconds: float
    handed: HandedOver


@dataclass(slots=True)
class _Progress:
    watch: Watch
    said_at: float = field(default=float("-inf"))

    def say(self, line: str) -> None:
        """At once, and then now and then."""
        if self.watch.clock() - self.said_at >= TELL_SECONDS:
            self.said_at = self.watch.clock()
            self.watch.tell(line)


def refusals(observers: Sequence[Observer], request: Request) -> list[str]:
    """Why the node must not be taken out now; empty when nothing speaks against it."""
    found = objections(observers, request.node, request.floor_percent)
    if request.alone and (others := others_out(observers, request.node)):
        found.append(f"{', '.join(others)} is not in service: one node at a time")
    return found


def drain(nodes: Nodes, request: Request, watch: Watch) -> Drained:
    """Take the node out and wait until its sessions have ended and its mail has left.

    MaintenanceError when it may not leave, or not everybody agrees: a new order is then lifted again.
    """
    started = watch.clock()
    observers = nodes.observers()
    if found := refusals(observers, request):
        raise MaintenanceError(f"{request.node} stays in service: {'; '.join(found)}")
    earlier = next((one for one in overview(observers).orders if one.node == request.node), None)
    _give(nodes, request, earlier.since if earlier else render_time(request.since), undo=earlier is None)
    _agree_that_it_is_out(nodes, request, watch, undo=earlier is None)
    agreed_at = watch.clock()
    watch.tell(
        f"{request.node} is out of service for everybody who decides it after {agreed_at - started:.1f} s"
    )
    nodes.try_queue(request.node)
    busy, handed = _await_quiet(nodes, request, watch, agreed_at)
    outcome = "busy" if busy.messages or busy.sessions else "drained"
    return Drained(outcome, busy, watch.clock() - started, handed)


def undrain(
    nodes: Nodes, node: str, timeout_seconds: float, watch: Watch, checks_seconds: float = 0.0
) -> float:
    """Lift the order on `node` and wait until it is in service for everybody; returns seconds.

    `checks_seconds` more go by until health checkers have found it out, where answers hang on them.

    MaintenanceError names who could not be told, or what keeps it out.
    """
    started = watch.clock()
    failed = _failures(nodes.order(["lift", node]))
    progress = _Progress(watch)
    while True:
        missing = [*not_in(nodes.observers(), node), *nodes.dns_lacks(node)]
        if not missing and not failed:
            if checks_seconds:
                watch.tell(f"{node} is in service; {checks_seconds:.0f} s for health checkers to notice")
                watch.sleep(checks_seconds)
            return watch.clock() - started
        if watch.clock() - started >= timeout_seconds:
            why = "; ".join([*failed, *missing])
            raise MaintenanceError(f"{node} is not back in service after {timeout_seconds:.0f} s: {why}")
        progress.say(f"{len(failed) + len(missing)} things to come: {[*failed, *missing][0]}")
        watch.sleep(POLL_SECONDS)
        if failed:
            failed = _failures(nodes.order(["lift", node]))


def _give(nodes: Nodes, request: Request, since: str, *, undo: bool) -> None:
    words = ["set", request.node, "--owner", request.owner, "--reason", request.reason]
    times = ["--since", since, "--until", render_time(request.until)]
    if failed := _failures(nodes.order([*words, *times])):
        raise MaintenanceError(
            f"not every daemon took the order: {'; '.join(failed)}{_undo(nodes, request, undo)}"
        )


def _agree_that_it_is_out(nodes: Nodes, request: Request, watch: Watch, *, undo: bool) -> None:
    deadline = watch.clock() + AGREE_SECONDS
    while True:
        observers = nodes.observers()
        missing = [*still_in(observers, request.node), *nodes.dns_names(request.node)]
        if not missing:
            return
        if watch.clock() >= deadline:
            why = "; ".join([*held(observers, request.node), *missing])
            raise MaintenanceError(
                f"{request.node} did not leave service: {why}{_undo(nodes, request, undo)}"
            )
        watch.sleep(POLL_SECONDS)


def _undo(nodes: Nodes, request: Request, wanted: bool) -> str:
    """Lift a new order again; says how that went."""
    if not wanted:
        return ". The earlier order on it stands"
    if failed := _failures(nodes.order(["lift", request.node])):
        return f". The order could not be lifted everywhere ({'; '.join(failed)}): `mtafleet undrain` does it"
    return ". The order is lifted again"


def _await_quiet(nodes: Nodes, request: Request, watch: Watch, agreed_at: float) -> tuple[Busy, HandedOver]:
    """Until nothing is left, or the time is up. Clients may go by an old answer for as long as its TTL.

    Where health checkers have to notice first, that comes before, and no time limit cuts it short.
    """
    answered_seconds = request.checks_seconds + request.dns_ttl_seconds
    progress = _Progress(watch)
    handed = HandedOver()
    rest_until = agreed_at + request.dns_ttl_seconds
    while True:
        busy = nodes.busy(request.node)
        waited = watch.clock() - agreed_at
        if not busy.messages and not busy.sessions and waited >= answered_seconds:
            return busy, handed
        if waited >= max(request.timeout_seconds, request.checks_seconds and answered_seconds):
            return busy, handed
        if handed.broken:
            return busy, handed
        progress.say(f"{request.node}: {busy} left")
        if request.hand_over and watch.clock() >= rest_until and _may_go(busy, waited, request):
            seconds = min(ROUND_SECONDS, request.timeout_seconds - waited)
            untried = waited >= request.timeout_seconds / 2
            given = nodes.hand_over(request.node, seconds, untried=untried)
            handed = handed.and_then(given)
            watch.tell(f"{request.node}: {given}")
            if given.messages:
                watch.handed(given)
            rest_until = watch.clock() + (0 if given.messages else REST_SECONDS)
        watch.sleep(POLL_SECONDS)


def _may_go(busy: Busy, waited_seconds: float, request: Request) -> bool:
    """Whether mail that waits has had its attempt. What others wait for must not keep it back for ever."""
    if not busy.messages or waited_seconds >= request.timeout_seconds / 2:
        return bool(busy.messages)
    if busy.messages == busy.moving:
        return False  # nothing waits
    return waited_seconds >= SETTLE_SECONDS or not (busy.sessions or busy.moving)


def _failures(replies: Mapping[str, Reply]) -> list[str]:
    return [f"{name}: {reply.problem}" for name, reply in replies.items() if not reply.ok]
