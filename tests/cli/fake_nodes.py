"""A made-up fleet of four nodes that takes orders, and a clock that tests move."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.maintenance.handover import HandedOver, Tiers
from cli.maintenance.work import Busy, Request, Watch
from failover.overview import Observer
from infra.ssh import Reply

NODES = ("east-1", "east-2", "west-1", "west-2")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
REQUEST = Request(
    node="east-1",
    owner="ada@ops-1",
    reason="new disk",
    since=NOON,
    until=NOON + timedelta(hours=2),
    timeout_seconds=60,
    floor_percent=50,
    dns_ttl_seconds=5,
)
QUIET = Busy({"orders": 0}, 0)


class FakeNodes:
    """Four nodes with one pool; every daemon heeds orders at once, unless a test says otherwise."""

    def __init__(self) -> None:
        self.ordered: dict[str, dict[str, str]] = {}
        self.sick: set[str] = set()
        self.silent_daemons: set[str] = set()
        self.stubborn: set[str] = set()
        """Daemons that keep everybody in service."""
        self.refusing: set[str] = set()
        """Nodes whose helper fails."""
        self.dns_stuck = False
        self.views_stuck: str | None = None
        """What east-2 tells health checkers of everybody, whatever is decided."""
        self.views_error: str | None = None
        self.busy_by_turns: list[Busy] = []
        self.rounds: list[HandedOver] = []
        """What rounds of a hand-over do; later ones find no peer."""
        self.said: list[str] = []

    def observers(self) -> Sequence[Observer]:
        return [self._observer(node) for node in NODES]

    def dns_names(self, node: str) -> Sequence[str]:
        named = self.dns_stuck or node not in self.ordered
        return [f"ns-east still answers orders with {node}"] if named else []

    def dns_lacks(self, node: str) -> Sequence[str]:
        return [f"ns-east does not answer orders with {node} yet"] if node in self.ordered else []

    def order(self, words: Sequence[str]) -> Mapping[str, Reply]:
        self.said.append(f"{words[0]} {words[1]}")
        if words[0] == "lift":
            self.ordered.pop(words[1], None)
        else:
            told = dict(zip(words[2::2], words[3::2], strict=True))
            self.ordered[words[1]] = {key.removeprefix("--"): value for key, value in told.items()}
        refused = Reply(exit_code=2, problem="error: no such file")
        return {node: refused if node in self.refusing else Reply("{}") for node in NODES}

    def busy(self, node: str) -> Busy:
        return self.busy_by_turns.pop(0) if self.busy_by_turns else QUIET

    def try_queue(self, node: str) -> None:
        self.said.append(f"try {node}")

    def hand_over(self, node: str, seconds: float, *, untried: bool) -> HandedOver:
        self.said.append(f"hand over {node} for {seconds:g}{', untried too' if untried else ''}")
        return self.rounds.pop(0) if self.rounds else HandedOver(problems=("west-1: Connection refused",))

    def routes(self, node: str) -> Mapping[str, Tiers]:
        return {"orders": [["east-2"], ["west-1", "west-2"]]}

    def _observer(self, name: str) -> Observer:
        if name in self.silent_daemons:
            return Observer(name, name.partition("-")[0], "mta", None, "no route to host")
        members = {node: {"relay": self._standing(name, node)} for node in NODES}
        servers = {
            f"orders/{node}": {
                "state": "ready" if members[node]["relay"]["in_service"] else "drain",
                "running": True,
            }
            for node in NODES
        }
        status: dict[str, Any] = {
            "doubt": None,
            "nodes": {node: {"silent": False} for node in NODES},
            "pools": {"orders": members},
            "haproxy": {"servers": servers},
            "views": self._views(name),
            "maintenance": {"error": None, "orders": dict(self.ordered)},
        }
        return Observer(name, name.partition("-")[0], "mta", status)

    def _views(self, observer: str) -> dict[str, Any]:
        stuck = self.views_stuck if observer == "east-2" else None
        told = {
            node: stuck or ("in" if self._standing(observer, node)["in_service"] else "out")
            for node in NODES
            if node != observer
        }
        return {"error": self.views_error, "nodes": told}

    def _standing(self, observer: str, node: str) -> dict[str, Any]:
        ordered = node in self.ordered
        kept = observer in self.stubborn
        return {
            "in_service": node not in self.sick and (kept or not ordered),
            "healthy": node not in self.sick,
            "reason": "taken out by ada, but kept because too few would be left" if ordered else "refused",
            "ordered_out": ordered,
        }


class Time:
    """A clock that goes on when somebody sleeps; `watch` is what commands are given."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told_at: list[tuple[float, str]] = []
        """What was said, and how long after the beginning."""
        self.watch = Watch(tell=self._tell, clock=lambda: self.now, sleep=self._sleep)

    @property
    def told(self) -> list[str]:
        return [line for _, line in self.told_at]

    def _tell(self, line: str) -> None:
        self.told_at.append((self.now - 100.0, line))

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
