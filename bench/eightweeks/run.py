"""One approach through the eight weeks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.eightweeks.approaches import Approach, Host
from bench.eightweeks.isp_model import Receiver
from bench.eightweeks.receiver import TICK_HOURS, TICK_SECONDS, TICKS_PER_DAY, View
from bench.eightweeks.traffic import (
    BURNT_DAY,
    DAYS,
    DEADLINE_HOURS,
    NEW_ADDRESSES_DAY,
    PER_DAY,
    REGION_LOST_TICKS,
    TICKS,
    Batch,
    Queue,
    arrivals,
)

BURNT_REPUTATION = 0.05
BURNT_BELOW = 0.25
"""A reputation that low takes weeks to mend."""
ADDRESS_DOLLARS = 3.60
"""A public IPv4 address for 30 days, AWS: 0.005 an hour."""
NODE_DOLLARS = 52.2
"""A c7g.large for 30 days, AWS us-east-1 on demand: 0.0725 an hour."""
MOST_TRIES = 6
"""Beyond so many the wait no longer grows."""
MOST_EXTRA = 24
"""Addresses that naive scaling adds at most: its quota."""


def hosts() -> tuple[Host, ...]:
    """Twelve addresses with history, and two that join the marketing pool later."""
    found = []
    for kind, count in (("transactional", 3), ("notification", 3), ("marketing", 6)):
        for number in range(count):
            region = ("east", "west")[(number + (kind == "notification")) % 2]
            found.append(Host(f"{kind}-{number + 1}", kind, region))
    late = [Host(f"marketing-{n}", "marketing", ("east", "west")[n % 2], NEW_ADDRESSES_DAY) for n in (7, 8)]
    return (*found, *late)


BURNT = "marketing-2"


def usual_per_day(receivers: Mapping[str, Receiver], *, mixed: bool) -> dict[tuple[str, str], float]:
    """By address and ISP, before the first week: what each has been sending."""
    old = [host for host in hosts() if host.since_day < 0]
    found = {}
    for host in old:
        pool = [one for one in old if mixed or one.kind == host.kind]
        volume = sum(PER_DAY.values()) if mixed else PER_DAY[host.kind]
        for isp, model in receivers.items():
            found[host.address, isp] = volume * model.share_of_mail / len(pool)
    return found


@dataclass
class Result:
    """What came of it."""

    name: str
    nodes: int
    valid: int = 0
    inbox: int = 0
    spam: int = 0
    expired: int = 0
    attempts: int = 0
    deferred: int = 0
    peak_per_minute: int = 0
    late: dict[str, int] = field(default_factory=dict)
    by_class: dict[str, list[int]] = field(default_factory=dict)
    """By class: valid messages, messages in the inbox."""
    burnt: int = 0
    """Addresses at some ISP, beyond the one that was burnt from outside."""
    address_days: float = 0.0

    @property
    def delivered_share(self) -> float:
        return (self.inbox + self.spam) / self.valid

    @property
    def inbox_share(self) -> float:
        return self.inbox / self.valid

    @property
    def dollars_per_thousand(self) -> float:
        months = DAYS / 30
        cost = self.nodes * NODE_DOLLARS * months + self.address_days / 30 * ADDRESS_DOLLARS
        return 1000 * cost / max(1, self.inbox)


class Weeks:
    """The loop: arrivals, plan, attempts, answers."""

    def __init__(self, approach: Approach, receivers: Mapping[str, Receiver], *, mixed: bool) -> None:
        self.approach, self.receivers, self.mixed = approach, receivers, mixed
        self.hosts = list(hosts())
        self.views: dict[tuple[str, str], View] = {}
        for (address, isp), volume in usual_per_day(receivers, mixed=mixed).items():
            self.views[address, isp] = View(receivers[isp], usual_per_day=volume)
        self.queues = {(kind, isp): Queue() for kind in PER_DAY for isp in receivers}
        self.result = Result(approach.name, approach.nodes, late=dict.fromkeys(PER_DAY, 0))
        self.result.by_class = {kind: [0, 0] for kind in PER_DAY}
        self.extra = 0

    def run(self, ticks: int = TICKS) -> Result:
        for tick in range(ticks):
            self._tick(tick)
        result = self.result
        result.expired += sum(len(queue) for queue in self.queues.values())
        burnt = {address for (address, _isp), view in self.views.items() if view.worst < BURNT_BELOW}
        result.burnt = len(burnt - {BURNT})
        return result

    def _tick(self, tick: int) -> None:
        if tick == BURNT_DAY * TICKS_PER_DAY:
            for isp in self.receivers:
                self.views[BURNT, isp].reputation = BURNT_REPUTATION
        for kind, isp, batch in arrivals(tick, self.receivers):
            self.queues[kind, isp].add(batch)
            self.result.valid += batch.good
            self.result.by_class[kind][0] += batch.good
        for queue in self.queues.values():
            self.result.expired += queue.expire(tick)
        serving = self._serving(tick)
        self.result.address_days += len(serving) / TICKS_PER_DAY
        self.approach.plan(tick, serving, {key: queue.refused() for key, queue in self.queues.items()})
        before = self.result.attempts
        for kind in PER_DAY:  # transactional first
            for isp in self.receivers:
                self._send(tick, kind, isp, serving)
        per_minute = (self.result.attempts - before) * 60 // TICK_SECONDS
        self.result.peak_per_minute = max(self.result.peak_per_minute, per_minute)
        for view in self.views.values():
            view.close(tick)

    def _serving(self, tick: int) -> list[Host]:
        day = tick // TICKS_PER_DAY
        if self.mixed and self.approach.retry_ticks(5) == 1 and self._overfull(tick):
            self.extra += 1
            self.hosts.append(Host(f"extra-{self.extra}", "any", ("east", "west")[self.extra % 2], day))
        lost = tick in REGION_LOST_TICKS
        return [host for host in self.hosts if host.since_day <= day and not (lost and host.region == "east")]

    def _overfull(self, tick: int) -> bool:
        """Naive scaling: more has waited than an hour's usual mail."""
        due = sum(queue.due(tick) for queue in self.queues.values())
        return self.extra < MOST_EXTRA and due > 2 * sum(PER_DAY.values()) / 24

    def _send(self, tick: int, kind: str, isp: str, serving: list[Host]) -> None:
        queue = self.queues[kind, isp]
        due = queue.due(tick)
        if not due:
            return
        rooms = {host: self.approach.room(tick, host, isp, kind) for host in serving}
        total = sum(rooms.values())
        batches = queue.take(tick, min(due, total))
        if batches:
            taken, bounced = self._try(tick, kind, isp, batches, rooms)
            self._settle(tick, kind, batches, taken, bounced, queue)

    def _try(
        self, tick: int, kind: str, isp: str, batches: list[Batch], rooms: Mapping[Host, int]
    ) -> tuple[int, int]:
        """All that is sent now, over the addresses in proportion to their rooms: delivered, bounced."""
        good, invalid = sum(one.good for one in batches), sum(one.invalid for one in batches)
        share = sum(one.good * one.complaint_share for one in batches) / max(1, good)
        total, seen, done_good, done_invalid = sum(rooms.values()), 0, 0, 0
        taken = bounced = 0
        turn = tick % len(rooms)  # no address is always the one that gets what does not divide
        for host, room in (*[*rooms.items()][turn:], *[*rooms.items()][:turn]):
            seen += room
            part_good, part_invalid = good * seen // total - done_good, invalid * seen // total - done_invalid
            done_good, done_invalid = done_good + part_good, done_invalid + part_invalid
            if not part_good + part_invalid:
                continue
            view = self.views.setdefault((host.address, isp), View(self.receivers[isp]))
            answer = view.receive(tick, part_good, part_invalid, share)
            self.approach.told(tick, host, isp, answer)
            taken, bounced = taken + answer.inbox + answer.spam, bounced + answer.bounced
            self.result.inbox += answer.inbox
            self.result.by_class[kind][1] += answer.inbox
            self.result.spam += answer.spam
            self.result.deferred += answer.deferred + answer.blocked
        self.result.attempts += good + invalid
        return taken, bounced

    def _settle(
        self, tick: int, kind: str, batches: list[Batch], taken: int, bounced: int, queue: Queue
    ) -> None:
        """The oldest were taken; what was refused waits for its next try."""
        for batch in batches:
            good, invalid = min(batch.good, taken), min(batch.invalid, bounced)
            taken, bounced = taken - good, bounced - invalid
            if (tick - batch.created) * TICK_HOURS > DEADLINE_HOURS[kind]:
                self.result.late[kind] += good
            batch.good, batch.invalid = batch.good - good, batch.invalid - invalid
            batch.tries = min(MOST_TRIES, batch.tries + 1)
            batch.due = tick + self.approach.retry_ticks(batch.tries)
            queue.add(batch)
