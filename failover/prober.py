"""All probes of one daemon, driven by one tick: reads, judges, sends, and hands over what it found."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from socket import socket

from failover.config import Config, Peer
from failover.connection import Pollers
from failover.decide import Check, Health, Result, Statement, Target, Vitals, report_item
from failover.lines import FreshSessions, Line, Place
from failover.pulse import Pulse
from failover.report import encode_report
from failover.statement import encode_statement

OWN_INTERVAL_SHARE = 0.5
OWN_TIMEOUT_SHARE = 0.75
"""A node asks its own instances sooner and waits less: no network lies between. The others take its word."""
OWN_SESSION_INTERVAL_SECONDS = 2.0
"""A node looks at itself more often than others look at it, and tells them in its heartbeats."""
FIRST_SESSIONS_SECONDS = 1.0
"""Within this time of the start each fresh session is tried once."""
START_GRACE_SECONDS = 1.0
"""Nobody counts as silent this soon after the start."""
VOUCHED_HEARTBEATS = 3
"""A node whose own daemon was heard within so many heartbeats vouches for itself."""
HEEDED_SECONDS = 5.0
"""What a node has said of itself counts for this long after its last heartbeat."""
TICKS_PER_PROBE = 2
UP = Health()


class Prober:
    """Owns the sockets. Call `tick` at a steady pace and `handle_alarms` when `pollers.alarm` is readable."""

    def __init__(self, config: Config, pulse: Pulse, now: float) -> None:
        self._config = config
        self._pulse = pulse
        self._own_timing = replace(
            config.timing,
            probe_interval_seconds=OWN_INTERVAL_SHARE * config.timing.probe_interval_seconds,
            probe_timeout_seconds=OWN_TIMEOUT_SHARE * config.timing.probe_timeout_seconds,
        )
        self._looked_at = now
        self._next_heartbeat_at = now
        self.pollers = Pollers()
        self.pollers.read_at_ticks(pulse.socket.fileno(), pulse.receive)
        watched = [peer for peer in config.peers if config.watches(peer.name)]
        self._lines = [self._line(peer, pool) for peer in watched for pool in peer.probes]
        self._sessions = [
            self._fresh(peer, Target(peer.name, pool, Check.SESSION), peer.address, port, now)
            for peer in watched
            for pool, port in peer.probes.items()
        ]
        self._session_of = {one.target: one for one in self._sessions}
        self._hurried: dict[Target, FreshSessions] = {}
        """Sessions whose replies come as alarms."""
        self._entries = self._entry_sessions(now) if config.watches_entries else []
        self.heard_at = {
            peer.name: now + START_GRACE_SECONDS
            for peer in config.peers
            if peer.probes or peer.heartbeat_port
        }
        self._vouched_at: dict[str, float] = {}
        self._failing: frozenset[str] = frozenset()
        self._own_vitals: Vitals | None = None

    @property
    def tick_seconds(self) -> float:
        timing = self._config.timing
        return min(timing.probe_interval_seconds, timing.heartbeat_interval_seconds) / TICKS_PER_PROBE

    def self_reports(self, now: float) -> dict[str, frozenset[str]]:
        """What each peer says of itself, where it says anything bad.

        A peer whose daemon has not been heard for some time says nothing: its node may be repaired by now.
        """
        found = {name: self._pulse.report_of(name).failing for name in self._lately_heard(now)}
        return {name: report for name, report in found.items() if report}

    def vitals(self, now: float) -> dict[str, Vitals]:
        """The figures that nodes give of themselves, this one too."""
        found = {name: self._pulse.report_of(name).vitals for name in self._lately_heard(now)}
        found[self._config.node] = self._own_vitals
        return {name: figures for name, figures in found.items() if figures is not None}

    def statements(self, now: float) -> dict[str, Statement]:
        """What other nodes find, those that have anything to say."""
        found = {name: self._pulse.statement_of(name) for name in self._lately_heard(now)}
        return {name: said for name, said in found.items() if said is not None}

    def state(self, statement: Statement | None) -> None:
        """Tell the peers what this node finds; None: it cannot judge."""
        self._pulse.state(encode_statement(statement))

    def unheard(self, now: float, seconds: float) -> frozenset[str]:
        """Nodes that this one does not watch and has not heard for so long: they speak to it in turn only."""
        return frozenset(
            name
            for name, at in self.heard_at.items()
            if now - at > seconds and not self._config.watches(name)
        )

    def refused_reports(self, now: float) -> list[str]:
        """Peers whose reports make no sense."""
        return sorted(name for name in self._lately_heard(now) if self._pulse.report_of(name).refused)

    def _lately_heard(self, now: float) -> list[str]:
        return [name for name, at in self._vouched_at.items() if now - at <= HEEDED_SECONDS]

    def tick(
        self, now: float, health: Mapping[Target, Health], spoken_of: Collection[str] = ()
    ) -> list[Result]:
        """One round; `health` is what the last decision made of earlier results.

        Entries of nodes that others speak of are looked at soon: these wait for this node's word.
        """
        results: list[Result] = []
        self.pollers.handle_replies(self._looked_at)
        self._looked_at = now
        vouched = self._vouched(now)
        for line in self._lines:
            calm = line.target.node in vouched and not _in_doubt(line.target, health)
            line.tick(now, results, calm)
        for session in self._sessions:
            if session.connection is not None or _may_probe(session.target, health):
                session.tick(now, results, _in_doubt(session.target, health))
        for entry in self._entries:
            asked = entry.target.node in spoken_of
            entry.tick(now, results, asked or _in_doubt(entry.target, health))
        self._beat(now)
        self._note_heard(now)
        return results

    @property
    def heartbeats(self) -> socket:
        """Readable when a heartbeat has come; `hear` it then. Ticks take in what nobody has heard."""
        return self._pulse.socket

    def hear(self, now: float) -> bool:
        """Take in heartbeats; whether a node says something new of its instances, which waits for no tick."""
        self._pulse.receive()
        self._note_heard(now)
        news, self._pulse.news = self._pulse.news, False
        return news

    def hurry(self, target: Target, now: float, health: Mapping[Target, Health]) -> None:
        """Try a fresh session with `target` now, unless it is known to be down."""
        session = self._session_of.get(target)
        if session is None or not _may_probe(target, health) or not health.get(target, UP).up:
            return
        session.hurry(now)
        self._hurried[target] = session

    def handle_alarms(self, now: float) -> list[Result]:
        """Connections that were made, refused or lost just now; a lost line is tried again at once."""
        results: list[Result] = []
        self._pulse.receive()  # before anybody is judged silent: this may come right after a stall
        self._note_heard(now)
        self.pollers.handle_alarms(now)
        for line in self._lines:
            if line.connection is not None and line.connection.closed:
                line.harvest(now, results)
                line.tick(now, results, calm=False)
        for target, session in list(self._hurried.items()):
            session.harvest(now, results)
            if session.connection is None:
                del self._hurried[target]
        return results

    def report(self, health: Mapping[Target, Health]) -> None:
        """Tell the peers at once when what this node finds about its own instances has changed."""
        self._failing = frozenset(
            report_item(target)
            for target, state in health.items()
            if not state.up and target.node == self._config.node
        )
        self._pulse.report(encode_report(self._failing, self._own_vitals))

    def report_vitals(self, vitals: Vitals | None) -> None:
        """Tell the peers with the next heartbeat how this node is."""
        self._own_vitals = vitals
        self._pulse.report(encode_report(self._failing, vitals), at_once=False)

    def close(self) -> None:
        self.pollers.close()
        self._pulse.socket.close()

    def _beat(self, now: float) -> None:
        if now >= self._next_heartbeat_at:
            interval = self._config.timing.heartbeat_interval_seconds
            self._next_heartbeat_at = max(self._next_heartbeat_at + interval, now)
            self._pulse.beat()

    def _vouched(self, now: float) -> set[str]:
        """Nodes whose own daemon watches their instances and was heard just now; never this one."""
        oldest = now - VOUCHED_HEARTBEATS * self._config.timing.heartbeat_interval_seconds
        return {name for name, at in self._vouched_at.items() if at >= oldest}

    def _note_heard(self, now: float) -> None:
        for name in self._pulse.heard:
            self._hear(name, now)
            self._vouched_at[name] = now
        self._pulse.heard.clear()
        everything: list[Line | FreshSessions] = [*self._lines, *self._sessions, *self._entries]
        for one in everything:
            if one.heard_at is not None:
                self._hear(one.target.node, one.heard_at)
                one.heard_at = None
        self._hear(self._config.node, now)

    def _hear(self, node: str, at: float) -> None:
        self.heard_at[node] = max(at, self.heard_at[node])

    def _line(self, peer: Peer, pool: str) -> Line:
        target = Target(peer.name, pool, Check.NOOP)
        timing = self._own_timing if peer.name == self._config.node else self._config.timing
        return Line(target, self._place(peer.address, peer.probes[pool]), timing, self.pollers)

    def _entry_sessions(self, now: float) -> list[FreshSessions]:
        by_name = {peer.name: peer for peer in self._config.peers}
        return [
            self._fresh(by_name[node], Target(node, name, Check.ENTRY), address, pool.entry_port, now)
            for name, pool in self._config.pools.items()
            for node, address in pool.entries.items()
            if self._config.watches(node)
        ]

    def _fresh(self, peer: Peer, target: Target, address: str, port: int, now: float) -> FreshSessions:
        timing = self._config.timing
        own = peer.name == self._config.node
        interval = min(OWN_SESSION_INTERVAL_SECONDS, timing.session_interval_seconds) if own else None
        interval = interval or timing.session_interval_seconds
        return FreshSessions(
            target,
            self._place(address, port),
            timing,
            interval,
            self.pollers,
            next_at=now + FIRST_SESSIONS_SECONDS * _share(self._config.node, target),
        )

    def _place(self, address: str, port: int) -> Place:
        return Place(address, port, self._config.heartbeat_address, self._config.node)


def _share(observer: str, target: Target) -> float:
    """Where in its interval a probe falls: spread evenly, and the same on each start."""
    text = f"{observer} {target.node} {target.pool} {target.check}"
    return (sum(text.encode()) * 2_654_435_761 % 4096) / 4096


def _may_probe(target: Target, health: Mapping[Target, Health]) -> bool:
    """A fresh session tells nothing new while the persistent one cannot even be made."""
    line = health.get(Target(target.node, target.pool, Check.NOOP))
    return line is None or line.up


def _in_doubt(target: Target, health: Mapping[Target, Health]) -> bool:
    state = health.get(target)
    return state is not None and (not state.up or state.run > 0)
