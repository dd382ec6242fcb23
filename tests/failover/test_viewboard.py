"""What HAProxy is told of nodes, against a fake map that behaves like the real one."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from failover.config import Config, parse_config
from failover.decide import Check, Decision, GroupKey, Standing, Target
from failover.errors import ConfigError, HaproxyError
from failover.events import Events
from failover.viewboard import RECONCILE_SECONDS, ViewBoard
from failover.viewmap import load_views, map_orders, parse_map, read_map, render_map, save_views
from failover.views import SETTLE_SECONDS, View
from tests.failover.fleet_of_two import configuration


@dataclass
class FakeMap:
    """HAProxy's map over its runtime socket; `broken`: it does not answer."""

    file: Path
    entries: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    async def __call__(self, command: str) -> str:
        if self.broken:
            raise HaproxyError("HAProxy cannot be reached")
        return "".join(self._do(one.split()) for one in command.split(";"))

    def restart(self) -> None:
        self.entries = parse_map(self.file.read_text()) if self.file.exists() else {}

    def _do(self, words: list[str]) -> str:
        if words[2] != str(self.file):
            return "Unknown map identifier. Please use #<id> or <file>.\n"
        match words:
            case ["show", "map", _]:
                return "".join(f"0x55d1{n} {key} {self.entries[key]}\n" for n, key in enumerate(self.entries))
            case ["add", "map", _, key, value] if key not in self.entries:
                self.entries[key] = value
            case ["set", "map", _, key, value] if key in self.entries:
                self.entries[key] = value
            case ["del", "map", _, key] if key in self.entries:
                del self.entries[key]
            case _:
                return "Key not found.\n"
        return "\n"


def watching(directory: Path, **changes: Any) -> Config:
    map_file = str(directory / "views.map")
    settings = {"socket": str(directory / "admin.sock"), "map_file": map_file, "nodes": ["west-1"]}
    return parse_config(configuration(directory, views=settings | changes))


class Board:
    """The board of east-1, with a decision that the test makes."""

    def __init__(self, directory: Path) -> None:
        self.config = watching(directory)
        assert self.config.views is not None
        self.file = self.config.views.map_file
        self.haproxy = FakeMap(self.file)
        self.events = Events("east-1", None, stream=StringIO())
        self.now = 100.0
        self.proven = {Target("west-1", "orders", Check.ENTRY)}
        self.decision = decided()
        self.start()

    def start(self) -> None:
        """As the daemon does when it starts, or starts again."""
        assert self.config.views is not None
        self.board = ViewBoard(
            self.config,
            self.config.views,
            self.haproxy,
            lambda: self.decision,
            self.proven.__contains__,
            lambda: self.decision.silent,
            self.events,
            lambda: self.now,
        )

    async def settle(self) -> None:
        await self.board.round()
        self.now += max(SETTLE_SECONDS, RECONCILE_SECONDS)
        await self.board.round()

    def error(self) -> str | None:
        return self.board.error

    @property
    def told(self) -> str | None:
        return self.haproxy.entries.get("west-1")

    @property
    def kept(self) -> View | None:
        return load_views(self.file).get("west-1")


def decided(west: bool = True, doubt: str | None = None) -> Decision:
    group = {"east-1": Standing(), "west-1": Standing(in_service=west)}
    return Decision({}, {GroupKey("entry", "orders"): group}, frozenset(), (), doubt)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


async def test_haproxy_and_the_file_follow_the_decision(board: Board) -> None:
    await board.settle()
    assert (board.told, board.kept) == ("in", View.IN)
    board.decision = decided(west=False)
    await board.settle()
    assert (board.told, board.kept) == ("out", View.OUT)
    told = [event["reason"] for event in board.events.recent if event["kind"] == "view"]
    assert told == [
        "Health checkers that ask here are told that west-1 is in.",
        "Health checkers that ask here are told that west-1 is out.",
    ]


async def test_before_the_first_decision_and_in_doubt_nothing_new_is_told(board: Board) -> None:
    board.decision = Decision({}, {}, frozenset(), ())
    await board.settle()
    assert (board.told, board.kept) == (None, None)
    board.decision = decided()
    await board.settle()
    board.decision = decided(west=False, doubt="it ran late")
    await board.settle()
    assert (board.told, board.kept) == ("in", View.IN)


async def test_haproxy_starts_with_what_was_told_last_and_a_lost_map_is_mended(board: Board) -> None:
    board.decision = decided(west=False)
    await board.settle()
    board.haproxy.restart()
    assert board.told == "out"
    board.haproxy.entries = {"west-1": "in", "gone-1": "in"}
    await board.settle()
    assert board.haproxy.entries == {"west-1": "out"}


async def test_a_daemon_that_starts_again_keeps_a_dead_node_out_until_it_was_seen_to_work(
    board: Board,
) -> None:
    board.decision = decided(west=False)
    await board.settle()
    board.decision, board.proven = decided(), set()
    board.start()
    await board.settle()
    assert (board.told, board.kept) == ("out", View.OUT)
    board.proven.add(Target("west-1", "orders", Check.ENTRY))
    await board.settle()
    assert board.told == "in"


async def test_trouble_is_told_and_got_over(board: Board) -> None:
    board.haproxy.broken = True
    await board.settle()
    assert board.error() == "HAProxy cannot be reached"
    assert board.kept is View.IN
    board.haproxy.broken = False
    await board.settle()
    assert (board.error(), board.told) == (None, "in")


async def test_a_disk_that_takes_no_file_does_not_hold_haproxy_back(board: Board) -> None:
    board.file.with_name("views.map.new").mkdir()
    await board.settle()
    assert board.told == "in"
    assert board.error() is not None
    board.file.with_name("views.map.new").rmdir()
    await board.settle()
    assert (board.error(), board.kept) == (None, View.IN)


async def test_it_looks_again_and_again_by_itself(board: Board) -> None:
    running = asyncio.create_task(board.board.run())
    async with asyncio.timeout(30):
        while board.told is None:
            await asyncio.sleep(0.01)
            board.now += 0.1
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def test_the_file_holds_what_was_saved_and_nonsense_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "views.map"
    assert load_views(file) == {}
    save_views(file, {"west-1": View.OUT, "east-2": View.IN})
    assert load_views(file) == {"west-1": View.OUT, "east-2": View.IN}
    assert file.read_text().splitlines()[1:] == ["east-2 in", "west-1 out"]
    file.write_bytes(b"west-1 out\neast-2 perhaps\n\x00\x00\n")
    assert load_views(file) == {"west-1": View.OUT}
    file.write_bytes(b"\xff\xfe")
    assert load_views(file) == {}


def test_only_differences_are_ordered() -> None:
    file = Path("/views.map")
    wanted = {"a": View.IN, "b": View.OUT}
    assert map_orders(file, {"a": "in", "b": "out"}, wanted) == ()
    assert map_orders(file, {"b": "in", "c": "in"}, wanted) == (
        "add map /views.map a in",
        "del map /views.map c",
        "set map /views.map b out",
    )
    assert parse_map(render_map(wanted)) == wanted


async def test_a_haproxy_without_the_map_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HaproxyError, match="Unknown map identifier"):
        await read_map(FakeMap(tmp_path / "another"), tmp_path / "views.map")


def test_views_of_unknown_nodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"views\.nodes: 'north-1' is not among peers"):
        watching(tmp_path, nodes=["north-1"])
