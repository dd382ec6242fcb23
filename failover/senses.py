"""What nodes say of themselves, as this daemon takes it in: its own figures, its peers', the present load."""

from collections.abc import Callable, Mapping

from failover.checks.board import CANARY, WAY_OUT, Board, State
from failover.config import Config
from failover.decide import Complaints, Vitals
from failover.events import Events
from failover.load import Loads
from failover.prober import Prober
from failover.vitals.reading import VitalsReader

LOOK_SECONDS = 1.0


class Senses:
    """Call `look` each tick; `messages_per_hour` is the present load by pool, where it is known."""

    def __init__(
        self, config: Config, prober: Prober, board: Board, events: Events, clock: Callable[[], float]
    ) -> None:
        self.reader = VitalsReader(config.seeing.vitals_file, clock, config.seeing.certificate_file)
        self.messages_per_hour: Mapping[str, float] = {}
        self._node = config.node
        self._prober, self._board, self._events = prober, board, events
        checks = config.seeing.checks
        self._pools = {address: one.pool for address, one in checks.addresses.items()} if checks else {}
        self._shut: Mapping[str, str] = {}
        self._lost: Mapping[str, str] = {}
        self._members = {
            name: [peer.name for peer in config.peers if name in peer.probes]
            for name, pool in config.pools.items()
            if pool.entries
        }
        self._loads = Loads()
        self._looked_at = float("-inf")

    def look(self, lag_seconds: float, now: float) -> None:
        news = self.reader.look(lag_seconds, self._prober.tick_seconds)
        shut, lost = self._ways_shut(), self._canaries_lost()
        if news or shut != self._shut or lost != self._lost:
            self._shut, self._lost = shut, lost
            self._prober.report_vitals((self.reader.vitals or Vitals())._replace(shut=shut, lost=lost))
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self._loads.note(self._prober.vitals(now), now)
        self.messages_per_hour = self._loads.messages_per_hour(self._members, now)
        if self.reader.error:
            self._events.write("trouble", f"{self.reader.error}.", scope="vitals")
        for node in self._prober.refused_reports(now):
            said = f"What {node} says of itself makes no sense; nothing of it counts."
            self._events.write("trouble", said, node=node, scope="vitals")

    def tell(self, before: Mapping[str, Complaints], after: Mapping[str, Complaints]) -> None:
        """Record what this node has begun or ceased to complain of; others record theirs."""
        if before is after:
            return
        node = self._node
        was, now = before.get(node, ()), after.get(node, ())
        for one in now:
            if one not in was:
                self._events.write("vitals", f"{node} says: {one.reason}.", node=node)
        for one in was:
            if one not in now:
                self._events.write("vitals", f"{node} no longer says: {one.reason}.", node=node)

    def _ways_shut(self) -> Mapping[str, str]:
        """Pool -> an address of this node from which nothing can be reached."""
        return {
            pool: address
            for address, pool in sorted(self._pools.items(), reverse=True)
            if (row := self._board.rows.get((WAY_OUT, address))) and row.finding.state is State.BAD
        }

    def _canaries_lost(self) -> Mapping[str, str]:
        """Pool -> what became of the messages by which this node tries its instance of it."""
        return {
            subject: row.finding.said
            for (check, subject), row in self._board.rows.items()
            if check == CANARY and row.finding.state is State.BAD
        }


def describe_vitals(vitals: Vitals) -> dict[str, object]:
    """As plain JSON values."""
    told = vitals._asdict()
    told["queues"] = {pool: queue._asdict() for pool, queue in vitals.queues.items()}
    return told | {"shut": dict(vitals.shut), "lost": dict(vitals.lost)}
