"""Maintenance orders: the file, what is made of a broken one, and the program that writes it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from failover.config import MaintenanceFiles
from failover.errors import ConfigError
from failover.maintenance import main, queued, sessions
from failover.orderbook import OrderBook
from failover.orders import Book, NodeOverride, Order, parse_book, parse_orders, render_book, render_orders
from tests.failover.fleet_of_two import configuration

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ORDER = Order("ada@ops-1", "new disk", NOON, NOON + timedelta(hours=2))


class Wall:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def files(tmp_path: Path) -> MaintenanceFiles:
    return MaintenanceFiles(tmp_path / "orders.json", tmp_path / "last-good.json")


def test_what_is_written_is_read_back() -> None:
    assert parse_orders(render_orders({"east-1": ORDER})) == {"east-1": ORDER}


def test_overrides_and_a_pause_stand_in_the_same_file() -> None:
    book = Book({"east-1": ORDER}, {"west-1": NodeOverride("in", ORDER)}, ORDER)
    assert parse_book(render_book(book)) == book
    assert book.at(NOON) == book
    assert book.at(ORDER.until) == Book()
    assert NodeOverride("out", ORDER).sentence == (
        "put out of service by ada@ops-1 until 2026-05-04 14:00 UTC: new disk"
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("overrides", {"west-1": {"to": "up"}}, r"overrides\.west-1\.to: expected `in` or `out`"),
        ("overrides", {"west-1": {"to": "in"}}, r"overrides\.west-1\.owner"),
        ("overrides", [], "overrides: expected an object"),
        ("pause", {"owner": "ada"}, r"pause\.reason"),
        ("pause", True, "pause: expected an object"),
    ],
)
def test_mistakes_in_overrides_and_pauses_are_named_too(key: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_book(json.dumps({"orders": {}, key: value}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"until": "soon"}, r"orders\.east-1\.until: expected a time like"),
        ({"until": "2026-05-04T12:00:00"}, r"orders\.east-1\.until: expected a time like"),
        ({"reason": "two\nlines"}, r"orders\.east-1\.reason: expected one line"),
        ({"reason": "x" * 301}, r"orders\.east-1\.reason: expected one line of 1 to 300"),
        ({"owner": ""}, r"orders\.east-1\.owner"),
        ({"extra": 1}, r"orders\.east-1\.extra: no such key"),
    ],
)
def test_a_mistake_is_named_by_its_key(change: dict[str, object], said: str) -> None:
    value = json.loads(render_orders({"east-1": ORDER}))
    value["orders"]["east-1"] |= change
    with pytest.raises(ConfigError, match=said):
        parse_orders(json.dumps(value))


def test_orders_come_and_go_with_the_file_and_with_time(files: MaintenanceFiles) -> None:
    wall = Wall()
    book = OrderBook(files, wall)
    assert (book.orders, book.error) == ({}, None)
    files.orders.write_text(render_orders({"east-1": ORDER}))
    book.look()
    assert book.orders == {"east-1": ORDER}
    wall.now = ORDER.until
    assert book.orders == {}
    wall.now = NOON
    files.orders.unlink()
    book.look()
    assert book.orders == {}


@pytest.mark.parametrize("broken", ["{", "[]", '{"orders": {"east-1": {}}}', "\udcff"])
def test_a_broken_file_is_told_and_changes_nothing_even_over_a_restart(
    files: MaintenanceFiles, broken: str
) -> None:
    files.orders.write_text(render_orders({"east-1": ORDER}))
    book = OrderBook(files, Wall())
    files.orders.write_bytes(broken.encode(errors="surrogateescape"))
    book.look()
    book.look()
    assert book.orders == {"east-1": ORDER}
    assert book.error is not None
    assert str(files.orders) in book.error
    again = OrderBook(files, Wall())
    assert (again.orders, again.error) == ({"east-1": ORDER}, book.error)
    files.orders.write_text(render_orders({}))
    again.look()
    assert (again.orders, again.error) == ({}, None)


def test_without_files_there_are_no_orders() -> None:
    book = OrderBook(None)
    book.look()
    assert (book.orders, book.error) == ({}, None)


class Program:
    """`mtafleet-maintenance` on a node whose files lie in a directory of the test's own."""

    def __init__(self, directory: Path) -> None:
        self.orders = directory / "orders.json"
        self.last_good = directory / "last-good.json"
        self.config = directory / "config.json"
        files = {"orders": str(self.orders), "last_good": str(self.last_good)}
        self.config.write_text(json.dumps(configuration(directory, maintenance=files)))

    def run(self, *words: str) -> int:
        return main(["--config", str(self.config), *words])

    def set(self, node: str, reason: str = "new disk") -> int:
        times = ("--since", "2026-05-04T12:00:00Z", "--until", "2026-05-04T14:00:00Z")
        return self.run("set", node, "--owner", "ada@ops-1", "--reason", reason, *times)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_orders_are_set_and_lifted_and_repeating_it_does_no_harm(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.set("east-1") == program.set("east-1") == 0
    assert parse_orders(program.orders.read_text()) == {"east-1": ORDER}
    assert program.orders.stat().st_mode & 0o777 == 0o644
    assert program.set("west-1") == 0
    assert program.run("lift", "east-1") == program.run("lift", "east-1") == 0
    assert set(parse_orders(program.orders.read_text())) == {"west-1"}
    assert capsys.readouterr().out.endswith(program.orders.read_text())


def test_overrides_and_pauses_come_and_go_and_leave_orders_alone(program: Program) -> None:
    signed = ("--owner", "ada@ops-1", "--reason", "new disk")
    times = ("--since", "2026-05-04T12:00:00Z", "--until", "2026-05-04T14:00:00Z")
    assert program.set("east-1") == 0
    assert program.run("override", "west-1", "in", *signed, *times) == 0
    assert program.run("pause", *signed, *times) == 0
    whole = Book({"east-1": ORDER}, {"west-1": NodeOverride("in", ORDER)}, ORDER)
    assert parse_book(program.orders.read_text()) == whole
    assert program.run("override", "north-1", "out", *signed, *times) == 2
    for words in (("release", "west-1"), ("resume",)):
        assert program.run(*words) == program.run(*words) == 0
    assert parse_book(program.orders.read_text()) == Book({"east-1": ORDER})


def test_the_book_tells_overrides_and_pauses_in_force(files: MaintenanceFiles) -> None:
    files.orders.write_text(render_book(Book({}, {"west-1": NodeOverride("in", ORDER)}, ORDER)))
    wall = Wall()
    book = OrderBook(files, wall)
    assert (book.overrides, book.pause) == ({"west-1": NodeOverride("in", ORDER)}, ORDER)
    wall.now = ORDER.until
    assert (book.overrides, book.pause) == ({}, None)


def test_unknown_nodes_and_unreadable_reasons_are_refused(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.set("north-1") == 2
    assert "there is no node 'north-1'" in capsys.readouterr().err
    assert program.set("east-1", "two\nlines") == 2
    assert not program.orders.exists()


def test_a_broken_file_is_mended_from_the_orders_that_the_daemon_goes_by(program: Program) -> None:
    program.orders.write_text("{")
    program.last_good.write_text(render_orders({"east-1": ORDER}))
    assert program.set("west-1") == 0
    assert set(parse_orders(program.orders.read_text())) == {"east-1", "west-1"}


def test_queued_messages_are_counted_by_instance(tmp_path: Path) -> None:
    for path in ("postfix-news/deferred/A/1", "postfix-news/active/2", "postfix-orders/hold/3"):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text("a message")
    (tmp_path / "postfix-inbound/pid").mkdir(parents=True)
    (tmp_path / "postfix-inbound/pid/master.pid").write_text("1")
    assert queued(tmp_path) == {"inbound": 0, "news": 2, "orders": 1}


def test_sessions_are_established_connections_to_the_ports() -> None:
    table = """\
  sl  local_address rem_address   st tx_queue rx_queue
   0: 0B3364C6:01D1 00000000:0000 0A 00000000:00000000
   1: 153364C6:01D1 470200C0:8F3C 01 00000000:00000000
   2: 153364C6:024B 470200C0:8F3D 01 00000000:00000000
   3: 153364C6:024B 470200C0:8F3E 06 00000000:00000000
   4: 0B3364C6:0016 820200C0:8F3F 01 00000000:00000000
"""
    assert sessions(table, {465, 587}) == 2
    assert sessions(table, {22}) == 1
