"""The daemon as a whole, on loopback: starts, steers, tells its status, stops and leaves the world alone."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest

from failover.__main__ import _writer_lines, main
from failover.ask import ask
from failover.config import Config, parse_config
from failover.daemon import DOUBT_SECONDS, Daemon
from failover.decide import Check, Decision, GroupKey, Result, SlowReturn, Target
from failover.errors import ConfigError, StatusError
from failover.events import Events
from failover.haproxy import ServerKey
from failover.heartbeat import Heartbeat, encode
from failover.memory import Memory
from failover.notify import notify, watchdog_seconds
from failover.orderbook import OrderBook
from failover.orders import NodeOverride, Order
from failover.prober import Prober
from failover.pulse import Pulse, open_socket
from failover.report import encode_report
from failover.status import describe, serve
from failover.zone import Answer, ZoneView
from fleet.store_certificates import Authorities
from tests.failover.authorities import FakeAuthority
from tests.failover.fleet_of_two import configuration
from tests.failover.loopback import in_order
from tests.failover.stores import FakeStore, Line
from tests.failover.test_haproxy import FakeHaproxy
from tests.failover.test_orders import ORDER
from tests.failover.test_viewboard import FakeMap

SECRET = b"k" * 32
BACKEND = "pool_orders_smtps"
BOTH = Answer(frozenset({"127.0.0.1", "127.0.0.2"}), 5)
NAME = "orders.submit.fleet.example"


def settings(directory: Path) -> Config:
    """As configured, except that nobody listens where the probes go."""
    value = configuration(directory)
    for peer in value["peers"]:
        peer["probes"] = {"orders": 1}
    value["pools"]["orders"]["entry_port"] = 1
    value["views"] = {
        "socket": str(directory / "admin.sock"),
        "map_file": str(directory / "views.map"),
        "nodes": ["west-1"],
    }
    return parse_config(value)


class Rig:
    """A daemon of east-1 with a fake HAProxy and a fake primary; no socket but its own heartbeat's."""

    def __init__(self, directory: Path) -> None:
        self.config = settings(directory)
        self.haproxy = FakeHaproxy({ServerKey(BACKEND, node): 0 for node in ("east-1", "west-1")})
        self.primary = FakeAuthority(answers={NAME: BOTH})
        self.now = 100.0
        sock = open_socket("127.0.0.1", 0)
        others = {peer.name: peer for peer in self.config.peers if peer.name != "east-1"}
        self.events = Events("east-1", None, stream=StringIO())
        prober = Prober(self.config, Pulse("east-1", SECRET, sock, others), self.now)
        self.views = FakeMap(directory / "views.map")
        self.store = FakeStore()
        self.line = Line(self.store, delay_seconds=0)
        self.daemon = Daemon(
            self.config,
            prober,
            self.events,
            self.haproxy,
            [self.primary],
            lambda: self.now,
            view_talk=self.views,
            store=self.line,
        )
        assert self.daemon.lease is not None
        self.lease = self.daemon.lease

    def see(self, good: bool, *checks: Check, node: str = "west-1", times: int = 1) -> None:
        for _ in range(times):
            self.now += 0.1
            self.daemon.prober.heard_at |= dict.fromkeys(("east-1", "west-1"), self.now)
            results = [Result(Target(node, "orders", check), good, "refused") for check in checks]
            self.daemon.take(results, 0.0, self.now)

    async def hold(self) -> None:
        """Take the lease on DNS, as nobody else wants it."""
        await self.lease.turn()
        self.now += 4.0
        await self.lease.turn()

    def serves(self, kind: str, node: str = "west-1") -> bool:
        pool: GroupKey = GroupKey("relay" if kind == "relay" else "entry", "orders")
        return self.daemon.decision.plan[pool][node].in_service

    def changes(self) -> list[set[str]]:
        view = ZoneView(1, dict(self.primary.answers))
        return [set(change.after.addresses) for change in self.daemon.opinion().plan(view)]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    one = Rig(tmp_path)
    yield one
    one.daemon.prober.close()


async def test_a_failing_instance_leaves_haproxy_and_not_dns(rig: Rig) -> None:
    rig.see(False, Check.NOOP, times=2)
    assert not rig.serves("relay")
    assert rig.serves("entry")
    assert rig.changes() == []


async def test_a_failing_front_door_leaves_dns_and_not_haproxy(rig: Rig) -> None:
    rig.see(False, Check.ENTRY, times=2)
    assert rig.serves("relay")
    assert rig.changes() == [{"127.0.0.1"}]


async def test_an_address_comes_back_only_after_its_front_door_worked(rig: Rig) -> None:
    rig.primary.set({NAME: Answer(frozenset({"127.0.0.1"}), 5)})
    rig.see(True, Check.NOOP)
    assert rig.changes() == []
    rig.see(True, Check.ENTRY)
    assert rig.changes() == [{"127.0.0.1", "127.0.0.2"}]


async def test_a_server_found_drained_has_to_prove_itself(rig: Rig) -> None:
    await rig.haproxy(f"set server {BACKEND}/west-1 state drain")
    await rig.daemon._seed()
    rig.see(True, Check.NOOP)
    assert not rig.serves("relay")
    rig.see(True, Check.NOOP, times=2)
    assert rig.serves("relay")


async def test_a_daemon_in_doubt_does_not_write_dns(rig: Rig) -> None:
    rig.daemon.take([], 5.0, rig.now)
    assert not rig.daemon.opinion().may_begin
    assert [event["kind"] for event in rig.events.recent] == ["doubt"]


async def test_only_the_holder_of_the_lease_may_write_and_not_while_in_doubt(rig: Rig) -> None:
    assert rig.daemon.opinion().epoch is None
    await rig.hold()
    assert rig.daemon.opinion().epoch == 1
    rig.daemon.take([], 5.0, rig.now)
    assert rig.daemon.opinion().epoch is None


async def test_a_doubt_that_lasts_hands_the_lease_on(rig: Rig) -> None:
    await rig.hold()
    rig.daemon.take([], 5.0, rig.now)
    await rig.lease.turn()
    assert rig.lease.epoch() == 1
    rig.now += DOUBT_SECONDS
    rig.daemon.take([], 5.0, rig.now)
    await rig.lease.turn()
    assert rig.lease.epoch() is None
    record = rig.lease.candidate.record
    assert record is not None
    assert record.holder == ""


async def test_the_lease_is_taken_above_the_epoch_of_the_zone(rig: Rig) -> None:
    rig.daemon.keepers[0].epoch_seen = 41
    await rig.hold()
    assert rig.lease.epoch() == 42


async def test_a_holder_that_cannot_reach_a_primary_that_lives_lets_others_try(rig: Rig) -> None:
    await rig.hold()
    rig.daemon.keepers[0].failing_since = rig.now
    for _ in range(2):
        rig.now += 3.0
        rig.daemon.prober.heard_at |= dict.fromkeys(("east-1", "west-1"), rig.now)
        await rig.lease.turn()
    assert rig.lease.epoch() is None
    assert rig.daemon.bid().wait_seconds > 0


async def test_the_status_says_for_how_long_the_store_has_failed(rig: Rig) -> None:
    await rig.hold()
    rig.line.cut = True
    await rig.lease.turn()
    lease = describe(rig.daemon, rig.now + 90.0)["dns"]["lease"]
    assert lease["failing_seconds"] == 90.0
    assert "no answer" in lease["error"]
    (line,) = _writer_lines({"lease": lease})
    assert line.startswith("this node writes no DNS: for 90 s, the shared store")


async def test_every_change_is_an_event_with_its_reason(rig: Rig) -> None:
    rig.see(False, Check.NOOP, times=2)
    told = [(event["kind"], event["node"], event["scope"]) for event in rig.events.recent]
    assert told == [("suspect", "west-1", "noop"), ("down", "west-1", "relay")]
    assert rig.daemon.summary() == "5 of 6 members in service; out: orders on west-1"


async def test_the_status_says_who_is_out_and_why(rig: Rig) -> None:
    rig.see(False, Check.NOOP, times=2)
    assert rig.daemon.front_door is not None
    await rig.daemon.front_door.reconcile()
    status = json.loads(json.dumps(describe(rig.daemon, rig.now)))
    assert status["pools"]["orders"]["west-1"]["relay"] == {
        "in_service": False,
        "healthy": False,
        "reason": "SMTP probe: refused",
        "ordered_out": False,
        "fault": "gray",
        "weight_percent": 0,
        "level": 0,
    }
    assert status["haproxy"]["servers"][f"{BACKEND}/west-1"]["weight"] == 10
    assert status["dns"]["lease"]["held"] is False
    assert status["nodes"]["west-1"]["silent"] is False


async def test_the_status_socket_answers_its_group_only(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failover.ask.TIMEOUT_SECONDS", 60.0)
    path = rig.config.status_socket
    server = await serve(rig.daemon, path)
    async with server:
        assert path.stat().st_mode & 0o777 == 0o660
        status = await asyncio.to_thread(ask, path)
    assert status["node"] == "east-1"


def test_a_daemon_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StatusError, match=r"status\.sock: the failover daemon cannot be asked: No such file"):
        ask(tmp_path / "status.sock")


def test_mistakes_are_one_line_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "none.json"), "check"]) == 2
    assert (
        capsys.readouterr().err == f"error: {tmp_path}/none.json: cannot be read: No such file or directory\n"
    )


def lay_certificates(directory: Path) -> None:
    authorities = Authorities("secret", "lab")
    own = authorities.client("failover.east-1.fleet.example")
    (directory / "store-ca.pem").write_text(authorities.servers_pem)
    (directory / "store.pem").write_text(own.certificate_pem)
    (directory / "store.key").write_text(own.private_key_pem)


def test_a_whole_configuration_with_its_keys_passes_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(configuration(tmp_path)))
    (tmp_path / "heartbeat.key").write_text("k" * 64)
    (tmp_path / "tsig.key").write_text("hmac-sha256:mtafleet:c2VjcmV0\n")
    lay_certificates(tmp_path)
    assert main(["--config", str(tmp_path / "config.json"), "check"]) == 0
    (tmp_path / "tsig.key").unlink()
    assert main(["--config", str(tmp_path / "config.json"), "check"]) == 2
    assert "tsig.key" in capsys.readouterr().err
    (tmp_path / "tsig.key").write_text("hmac-sha256:mtafleet:c2VjcmV0\n")
    (tmp_path / "store.key").write_text("no key\n")
    assert main(["--config", str(tmp_path / "config.json"), "check"]) == 2
    assert "store.key" in capsys.readouterr().err


def test_a_taken_or_foreign_address_is_a_clear_error(tmp_path: Path) -> None:
    from failover.assembly import run_daemon  # noqa: PLC0415

    config = parse_config(configuration(tmp_path, heartbeat={"address": "192.0.2.1", "port": 7946}))
    with pytest.raises(ConfigError, match=r"this node cannot listen on 192\.0\.2\.1:7946"):
        asyncio.run(run_daemon(config, SECRET, asyncio.Event()))


@asynccontextmanager
async def systemd(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    """What systemd hears, as a way to wait for a line of it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.bind(str(directory / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(directory / "notify"))
        heard: list[str] = []

        async def wait_for(line: str) -> None:
            while line not in heard:
                data = await asyncio.get_running_loop().sock_recv(sock, 4096)
                heard.extend(data.decode().splitlines())

        yield wait_for


async def test_systemd_hears_that_the_daemon_is_ready_alive_and_stopping(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with systemd(tmp_path, monkeypatch) as wait_for:
        stop = asyncio.Event()
        rig.daemon._clock = asyncio.get_running_loop().time
        running = asyncio.create_task(rig.daemon.run(stop, watchdog_seconds=0.01))
        await wait_for("READY=1")
        await wait_for("WATCHDOG=1")
        stop.set()
        await running


def test_outside_of_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


@pytest.mark.parametrize(("value", "seconds"), [("5000000", 5.0), ("", None), ("soon", None)])
def test_the_watchdogs_time_is_read(
    monkeypatch: pytest.MonkeyPatch, value: str, seconds: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", value)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert watchdog_seconds() == seconds
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_seconds() is None


class Clock:
    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


def test_events_go_to_the_file_and_the_journal_with_both_clocks(tmp_path: Path) -> None:
    stream, clock = StringIO(), Clock()
    events = Events("east-1", tmp_path / "new" / "events.jsonl", stream, clock, lambda: 1_700_000_000.0)
    events.write("down", "It is gone.", node="west-1", pool="orders")
    events.close()
    event: dict[str, Any] = json.loads((tmp_path / "new" / "events.jsonl").read_text())
    assert event == json.loads(stream.getvalue())
    assert (event["at"], event["monotonic"], event["observer"]) == (1_700_000_000.0, 10.0, "east-1")
    assert (event["kind"], event["node"], event["reason"]) == ("down", "west-1", "It is gone.")


def test_suspicions_of_the_same_thing_are_told_once_in_a_while(tmp_path: Path) -> None:
    clock = Clock()
    events = Events("east-1", None, StringIO(), clock)
    for pool in ("orders", "orders", "news"):
        events.write("suspect", "No reply.", node="west-1", pool=pool)
    clock.now += 11
    events.write("suspect", "No reply.", node="west-1", pool="orders")
    assert [event["pool"] for event in events.recent] == ["orders", "news", "orders"]


def test_decisions_are_never_left_out(tmp_path: Path) -> None:
    events = Events("east-1", None, StringIO(), Clock())
    for _ in range(3):
        events.write("down", "It is gone.", node="west-1", pool="orders")
    assert len(events.recent) == 3


def test_a_file_that_cannot_be_written_is_told_and_survived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    events = Events("east-1", tmp_path / "file" / "events.jsonl", StringIO())
    events.write("start", "Watching.")
    assert [event["kind"] for event in events.recent] == ["trouble", "start"]


def test_a_file_that_has_grown_large_is_begun_anew_and_the_one_before_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("failover.events.MOST_FILE_BYTES", 400)
    file = tmp_path / "events.jsonl"
    events = Events("east-1", file, StringIO(), Clock())
    for number in range(3):
        events.write("down", f"Node {number} is gone." + " " * 100, node=f"n{number}")
    events.close()
    lines = [path.read_text().splitlines() for path in (tmp_path / "events.jsonl.1", file)]
    assert [[json.loads(line)["node"] for line in one] for one in lines] == [["n0", "n1"], ["n2"]]


def heartbeat_of(rig: Rig, sequence: int, failing: set[str]) -> bytes:
    pulse = rig.daemon.prober._pulse
    return encode(SECRET, Heartbeat("west-1", 7, pulse.own_life, sequence, encode_report(failing)), "east-1")


def hear(rig: Rig, *datagrams: bytes) -> None:
    port = rig.daemon.prober._pulse.socket.getsockname()
    with in_order() as settle, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, port)
        settle()


async def test_what_a_node_said_of_itself_is_forgotten_when_its_daemon_is_no_longer_heard(rig: Rig) -> None:
    # The first one only makes the acquaintance: a life is believed once it has echoed ours.
    hear(rig, *(heartbeat_of(rig, number, {"orders"}) for number in (1, 2)))
    rig.daemon.prober.tick(rig.now, {})
    assert rig.daemon.prober.self_reports(rig.now) == {"west-1": frozenset({"orders"})}
    assert rig.daemon.prober.self_reports(rig.now + 4.9) == {"west-1": frozenset({"orders"})}
    assert rig.daemon.prober.self_reports(rig.now + 5.1) == {}


async def test_heartbeats_that_wait_count_before_anybody_is_judged_after_a_stall(rig: Rig) -> None:
    hear(rig, heartbeat_of(rig, 1, set()))
    rig.daemon.prober.tick(rig.now, {})
    rig.now += 30.0
    hear(rig, heartbeat_of(rig, 2, set()))
    rig.daemon.prober.handle_alarms(rig.now)
    assert rig.daemon.prober.heard_at["west-1"] == rig.now


async def test_after_a_stall_a_lost_connection_is_no_proof(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [Result(Target("west-1", "orders", Check.NOOP), False, "reset")]
    monkeypatch.setattr(rig.daemon.prober, "handle_alarms", lambda _: lost)
    rig.now += 5.0
    rig.daemon._on_alarm()
    assert rig.daemon.decision.doubt is not None
    assert rig.serves("relay")


class Orders:
    """An order book whose pages a test writes."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.overrides: dict[str, NodeOverride] = {}
        self.pause: Order | None = None
        self.error: str | None = None

    def look(self) -> None:
        """Nothing is to be read."""


async def test_an_order_drains_the_node_everywhere_and_its_end_brings_it_back(rig: Rig) -> None:
    book = Orders()
    rig.daemon.order_book = cast("OrderBook", book)
    rig.see(True, Check.NOOP, Check.ENTRY)
    book.orders = {"west-1": ORDER}
    rig.see(True, Check.NOOP, Check.ENTRY, times=6)
    assert not rig.serves("relay")
    assert not rig.serves("entry")
    assert rig.changes() == [{"127.0.0.1"}]
    assert rig.daemon.front_door is not None
    await rig.daemon.front_door.reconcile()
    assert rig.daemon.front_door.states[ServerKey(BACKEND, "west-1")].drained
    assert describe(rig.daemon, rig.now)["maintenance"]["orders"] == {
        "west-1": {
            "owner": "ada@ops-1",
            "reason": "new disk",
            "since": "2026-05-04T12:00:00Z",
            "until": "2026-05-04T14:00:00Z",
        }
    }
    book.orders = {}
    rig.see(True, Check.NOOP, Check.ENTRY, times=6)
    assert rig.serves("relay")
    assert rig.changes() == []
    told = [event["reason"] for event in rig.events.recent if event["kind"] == "maintenance"]
    assert told == [f"west-1 is {ORDER.sentence}.", "west-1 may serve again: no order is in force."]


async def viewed(rig: Rig) -> Any:
    """What health checkers are told of west-1, some seconds of the same later."""
    board = rig.daemon.view_board
    assert board is not None
    for _ in range(3):
        rig.see(True, Check.NOOP, Check.ENTRY, times=20)
        await board.round()
    status = describe(rig.daemon, rig.now)["views"]
    assert status == {"error": None, "nodes": {"west-1": rig.views.entries["west-1"]}}
    return status["nodes"]["west-1"]


async def test_health_checkers_are_told_of_an_order_and_of_its_end(rig: Rig) -> None:
    book = Orders()
    rig.daemon.order_book = cast("OrderBook", book)
    assert await viewed(rig) == "in"
    book.orders = {"west-1": ORDER}
    assert await viewed(rig) == "out"
    book.orders = {}
    assert await viewed(rig) == "in"


async def test_health_checkers_are_told_of_a_dead_entry_and_not_of_a_dead_instance(rig: Rig) -> None:
    assert await viewed(rig) == "in"
    board = rig.daemon.view_board
    assert board is not None
    for check, view in ((Check.NOOP, "in"), (Check.ENTRY, "out")):
        for _ in range(3):
            rig.see(False, check, times=20)
            await board.round()
        assert rig.views.entries == {"west-1": view}


async def test_in_a_pause_health_checkers_are_told_nothing_new(rig: Rig) -> None:
    book = Orders()
    rig.daemon.order_book = cast("OrderBook", book)
    board = rig.daemon.view_board
    assert board is not None
    book.pause = ORDER
    for paused in (True, False):
        for _ in range(3):
            rig.see(True, Check.NOOP, Check.ENTRY, times=20)
            await board.round()
        assert rig.views.entries == ({} if paused else {"west-1": "in"})
        book.pause = None


async def test_a_paused_daemon_leaves_the_lease_to_those_who_may_act(rig: Rig) -> None:
    book = Orders()
    rig.daemon.order_book = cast("OrderBook", book)
    await rig.hold()
    book.pause = ORDER
    rig.see(True, Check.NOOP, times=8)
    await rig.lease.turn()
    assert rig.lease.epoch() is None
    assert not rig.daemon.bid().willing
    book.pause = None
    rig.see(True, Check.NOOP, times=8)
    assert rig.daemon.bid().willing


async def test_a_daemon_heeds_a_pause_before_it_acts_on_what_it_remembers(rig: Rig, tmp_path: Path) -> None:
    rig.daemon.memory = Memory(tmp_path / "state.json", lambda: 5000.0)
    rig.see(False, Check.NOOP, times=2)
    rig.daemon.memory.save(rig.daemon.decision, rig.now, at_once=True)
    rig.daemon.decision = Decision({}, {}, frozenset(), ())
    rig.daemon.order_book = cast("OrderBook", book := Orders())
    book.pause = ORDER
    rig.now += 1.0
    stop = asyncio.Event()
    stop.set()
    await rig.daemon.run(stop, None)
    assert rig.daemon.pause == ORDER
    assert rig.haproxy.commands == []


async def test_orders_that_cannot_be_read_are_told_as_trouble(rig: Rig) -> None:
    book = Orders()
    book.error = "orders.json: is not JSON"
    rig.daemon.order_book = cast("OrderBook", book)
    rig.see(True, Check.NOOP)
    assert [event["scope"] for event in rig.events.recent if event["kind"] == "trouble"] == ["maintenance"]
    assert describe(rig.daemon, rig.now)["maintenance"]["error"] == book.error


async def test_a_paused_daemon_decides_and_tells_and_acts_on_nothing(rig: Rig) -> None:
    book = Orders()
    rig.daemon.order_book = cast("OrderBook", book)
    book.pause = ORDER
    rig.see(False, Check.NOOP, Check.ENTRY, times=8)
    assert not rig.serves("relay")
    assert rig.daemon.front_door is not None
    await rig.daemon.front_door.reconcile()
    assert rig.haproxy.commands == []
    assert not rig.daemon.opinion().may_begin
    assert describe(rig.daemon, rig.now)["maintenance"]["pause"]["reason"] == "new disk"
    book.pause = None
    rig.see(False, Check.NOOP, Check.ENTRY, times=8)
    await rig.daemon.front_door.reconcile()
    assert rig.haproxy.commands == [f"set server {BACKEND}/west-1 state drain"]
    assert rig.daemon.opinion().may_begin
    told = [event["reason"] for event in rig.events.recent if event["kind"] == "maintenance"]
    assert told == [
        "Acts on nothing until 2026-05-04 14:00 UTC, by ada@ops-1: new disk.",
        "Acts again on what it decides.",
    ]


async def test_an_override_is_heeded_and_told(rig: Rig) -> None:
    book = Orders()
    rig.daemon.order_book = cast("OrderBook", book)
    book.overrides = {"west-1": NodeOverride("in", ORDER)}
    rig.see(False, Check.NOOP, times=8)
    assert rig.serves("relay")
    assert describe(rig.daemon, rig.now)["maintenance"]["overrides"]["west-1"]["to"] == "in"
    book.overrides = {}
    rig.see(False, Check.NOOP, times=8)
    assert not rig.serves("relay")
    told = [event["reason"] for event in rig.events.recent if event["kind"] == "maintenance"]
    assert told[-1] == "west-1 is judged by what is seen again."


async def test_what_people_vouch_for_is_named_again_although_probes_fail(rig: Rig) -> None:
    book = Orders()
    rig.daemon.order_book = cast("OrderBook", book)
    rig.see(False, Check.ENTRY, times=3)
    rig.primary.set({NAME: Answer(frozenset({"127.0.0.1"}), 5)})
    assert rig.changes() == []
    book.overrides = {"west-1": NodeOverride("in", ORDER)}
    rig.see(False, Check.ENTRY, times=12)
    assert rig.changes() == [{"127.0.0.1", "127.0.0.2"}]


async def test_dns_names_a_front_door_again_only_at_full_standing(rig: Rig) -> None:
    rig.daemon.policy = replace(rig.daemon.policy, slow_return=SlowReturn((10, 50), 1.0))
    rig.see(False, Check.ENTRY, times=2)
    rig.primary.set({NAME: Answer(frozenset({"127.0.0.1"}), 5)})
    rig.see(True, Check.ENTRY, times=5)
    assert rig.serves("entry")
    assert rig.changes() == []
    rig.see(True, Check.ENTRY, times=20)
    assert rig.changes() == [{"127.0.0.1", "127.0.0.2"}]


async def test_dns_names_a_front_door_that_has_only_just_come_back_when_nobody_else_serves(rig: Rig) -> None:
    rig.daemon.policy = replace(rig.daemon.policy, slow_return=SlowReturn((10, 50), 1000.0))
    rig.see(False, Check.ENTRY, times=2)
    rig.primary.set({NAME: Answer(frozenset({"127.0.0.1"}), 5)})
    rig.see(True, Check.ENTRY, times=5)
    assert rig.changes() == []
    rig.see(False, Check.ENTRY, node="east-1", times=2)
    rig.see(True, Check.ENTRY, times=2)
    assert rig.changes() == [{"127.0.0.2"}]


async def test_who_was_out_is_out_after_a_restart_until_it_has_proven_itself(
    rig: Rig, tmp_path: Path
) -> None:
    rig.daemon.memory = Memory(tmp_path / "state.json", lambda: 5000.0)
    rig.see(False, Check.ENTRY, times=2)
    rig.daemon.memory.save(rig.daemon.decision, rig.now, at_once=True)
    rig.daemon.decision = Decision({}, {}, frozenset(), ())
    await rig.daemon._seed()
    rig.see(True, Check.ENTRY)
    assert not rig.serves("entry")
    rig.see(True, Check.ENTRY, times=5)
    assert rig.serves("entry")


async def test_a_memory_that_cannot_be_read_is_told_and_done_without(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    rig.daemon.memory = Memory(tmp_path / "state.json", lambda: 5000.0)
    await rig.daemon._seed()
    rig.see(True, Check.NOOP)
    assert rig.serves("relay")
    assert [event["kind"] for event in rig.events.recent] == ["trouble"]
