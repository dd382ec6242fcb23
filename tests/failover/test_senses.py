"""From what a machine and its slow checks find out to what peers are told, heed, and people read."""

import json
from collections.abc import AsyncIterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cli.explain import told
from failover.checks.board import CANARY, WAY_OUT, Finding, State
from failover.config import Config, parse_config
from failover.daemon import Daemon
from failover.decide import GroupKey, QueueFigures, Vitals
from failover.errors import ConfigError
from failover.events import Events
from failover.explain import explain, fleet_notes
from failover.heartbeat import Heartbeat, encode
from failover.overview import Observer, overview
from failover.prober import Prober
from failover.pulse import Pulse, open_socket
from failover.report import decode_report, encode_report
from failover.status import describe
from tests.failover.fleet_of_two import configuration
from tests.failover.test_daemon import SECRET, hear

LIMITS = {
    "least_disk_free_percent": 5,
    "most_untaken_seconds": 300,
    "most_waiting_messages": 1000,
    "most_cpu_pressure_percent": 95,
}
CHECKS: dict[str, Any] = {
    "resolver": "127.0.0.1",
    "addresses": {"127.0.0.1": {"public": "192.0.2.1", "pool": "orders", "name": "orders-1.fleet.example"}},
    "way_out_domains": ["big.example"],
    "block_lists": ["list.example"],
    "certificates": [
        {"node": "west-1", "address": "127.0.0.2", "port": 465, "name": "orders.example", "starttls": False}
    ],
    "name_servers": [{"name": "ns-east", "address": "127.0.0.1", "port": 53}],
    "name_server_interval_milliseconds": 3000,
    "zones": ["fleet.example"],
    "planned": [["mx.fleet.example", "A", 300, ["127.0.0.1"]]],
}
ORDERS = GroupKey("relay", "orders")


def seeing(directory: Path, **changes: Any) -> dict[str, Any]:
    value = {"vitals_file": str(directory / "vitals.json"), "limits": LIMITS, "checks": CHECKS}
    return configuration(directory, seeing=value | changes)


class Seer:
    """The daemon of east-1 in a fleet of two; nothing but its heartbeat's socket is real."""

    def __init__(self, directory: Path) -> None:
        self.now = 100.0
        self.file = directory / "vitals.json"
        self.config: Config = parse_config(seeing(directory))
        others = {peer.name: peer for peer in self.config.peers if peer.name != "east-1"}
        pulse = Pulse("east-1", SECRET, open_socket("127.0.0.1", 0), others)
        self.events = Events("east-1", None, stream=StringIO())
        self.prober = Prober(self.config, pulse, self.now)
        self.daemon = Daemon(self.config, self.prober, self.events, None, [], lambda: self.now)

    def machine(self, **figures: Any) -> None:
        """What the collector writes, a second later; all that is not named is well."""
        self.now += 1.0
        queues = {"orders": {"waiting": 3, "untaken_seconds": 0, "messages_per_hour": 40}}
        value = {"monotonic": self.now, "disk_free_percent": 60, "cpu_pressure_percent": 5, "queues": queues}
        self.file.write_text(json.dumps(value | figures))
        self.cycle()

    def found(self, state: State, said: str, check: str = WAY_OUT, subject: str = "127.0.0.1") -> None:
        """What the way out, unless another check is named, was found to be, a second later."""
        self.now += 1.0
        self.daemon.checks.board.note(Finding(check, subject, state, said, "east-1"), self.now)
        self.cycle()

    def cycle(self) -> None:
        self.prober.heard_at |= dict.fromkeys(("east-1", "west-1"), self.now)
        self.daemon.senses.look(0.0, self.now)
        self.daemon.take((), 0.0, self.now)

    @property
    def told(self) -> Vitals:
        """What peers read in the heartbeats now."""
        vitals = decode_report(self.prober._pulse.own_report).vitals
        assert vitals is not None
        return vitals

    def out(self) -> Mapping[str, str]:
        plan = self.daemon.decision.plan[ORDERS]
        return {node: one.reason for node, one in plan.items() if not one.in_service}


@pytest.fixture
async def seer(tmp_path: Path) -> AsyncIterator[Seer]:
    one = Seer(tmp_path)
    yield one
    one.prober.close()


async def test_what_the_machine_finds_is_told_and_heeded(seer: Seer) -> None:
    seer.machine(disk_free_percent=3)
    assert (seer.told.disk_free_percent, seer.told.cpu_pressure_percent) == (3, 5)
    assert seer.out() == {"east-1": "its spool has 3 % left, less than 5 %"}
    seer.machine()
    assert seer.out() == {}
    said = [one["reason"] for one in seer.events.recent if one["kind"] == "vitals"]
    assert said == [
        "east-1 says: its spool has 3 % left, less than 5 %.",
        "east-1 no longer says: its spool has 3 % left, less than 5 %.",
    ]


async def test_a_way_out_that_is_shut_is_told_and_heeded_until_it_is_open(seer: Seer) -> None:
    hear_west(seer, encode_report((), Vitals(disk_free_percent=60)))
    seer.machine()
    for _ in range(2):
        seer.found(State.BAD, "from 127.0.0.1 no exchanger answers")
    assert seer.told.shut == {"orders": "127.0.0.1"}
    assert seer.out() == {"east-1": "from 127.0.0.1 it reaches no mail exchanger"}
    seer.found(State.UNKNOWN, "there is no exchanger to try")
    assert seer.out() == {}, "what is not known any more speaks against nobody"
    seer.found(State.GOOD, "from 127.0.0.1 mx.big.example answers")
    assert (seer.told.shut, seer.out()) == ({}, {})


async def test_canaries_that_are_lost_are_told_and_heeded_until_one_arrives(seer: Seer) -> None:
    hear_west(seer, encode_report((), Vitals(disk_free_percent=60)))
    seer.machine()
    lost = "a message to orders did not arrive within 60 s"
    for _ in range(2):
        seer.found(State.BAD, lost, CANARY, "orders")
    assert seer.told.lost == {"orders": lost}
    assert seer.out() == {"east-1": lost}
    status = describe(seer.daemon, seer.now)
    (complaint,) = status["vitals"]["complaints"]["east-1"]
    assert (complaint["ailment"], complaint["common"]) == ("canary", False)
    seer.found(State.GOOD, "a message to orders arrived after 0.3 s", CANARY, "orders")
    assert (seer.told.lost, seer.out()) == ({}, {})


async def test_while_all_nodes_lose_canaries_none_is_blamed(seer: Seer) -> None:
    hear_west(seer, encode_report((), Vitals(disk_free_percent=60, lost={"orders": "lost"})))
    seer.machine()
    for _ in range(2):
        seer.found(State.BAD, "lost here too", CANARY, "orders")
    assert seer.out() == {}


async def test_a_file_that_makes_no_sense_is_told_and_clears_nobody(seer: Seer) -> None:
    seer.machine(disk_free_percent=3)
    seer.now += 60.0
    seer.machine(disk_free_percent="little")
    assert seer.out() == {"east-1": "its spool has 3 % left, less than 5 %"}
    (trouble,) = [one["reason"] for one in seer.events.recent if one["kind"] == "trouble"]
    assert trouble.endswith("disk_free_percent: expected a whole number from 0 to 100, found 'little'.")


async def test_the_load_is_what_all_nodes_say_that_they_take_in(seer: Seer) -> None:
    seer.machine()
    assert seer.daemon.senses.messages_per_hour == {}, "west-1 has not told"
    figures = Vitals(queues={"orders": QueueFigures(0, 0, 100)})
    hear_west(seer, encode_report((), figures))
    seer.machine()
    assert seer.daemon.senses.messages_per_hour == {"orders": 140.0}
    assert describe(seer.daemon, seer.now)["vitals"]["messages_per_hour"] == {"orders": 140.0}


async def test_a_report_that_makes_no_sense_is_a_sign_of_life_and_no_more(seer: Seer) -> None:
    hear_west(seer, b'{"failing":["orders"],"v":2,"disk":300}')
    seer.machine()
    assert seer.out() == {}
    reasons = [one["reason"] for one in seer.events.recent]
    assert "What west-1 says of itself makes no sense; nothing of it counts." in reasons


def hear_west(seer: Seer, body: bytes) -> None:
    pulse = seer.prober._pulse
    beats = [Heartbeat("west-1", 7, pulse.own_life, number, body) for number in (1, 2)]
    rig: Any = type("Heard", (), {"daemon": seer.daemon})
    hear(rig, *(encode(SECRET, one, "east-1") for one in beats))
    pulse.receive()
    seer.prober._note_heard(seer.now)


async def test_status_and_explain_say_it_in_a_sentence(seer: Seer) -> None:
    seer.machine(queues={"orders": {"waiting": 7, "untaken_seconds": 400, "messages_per_hour": None}})
    for _ in range(2):
        seer.now += 1.0
        listed = Finding("block list", "192.0.2.1", State.BAD, "192.0.2.1 is on list.example", "east-1")
        zone = Finding("name server", "ns-east", State.BAD, "ns-east gives no answer")
        for one in (listed, zone):
            seer.daemon.checks.board.note(one, seer.now)
    status = json.loads(json.dumps(describe(seer.daemon, seer.now)))
    observer = Observer("east-1", "east", "mta", status)
    assert [(one.check, one.said) for one in overview([observer]).checks] == [
        ("block list", "192.0.2.1 is on list.example"),
        ("name server", "ns-east gives no answer"),
        (
            "stuck queue",
            "the queue of orders is stuck: a message has waited 400 s to be taken up; "
            "most nodes say so, it counts against none",
        ),
    ]
    lines = told(fleet_notes([observer]), explain([observer], "east-1"))
    assert "note: name server: ns-east gives no answer (seen by east-1)" in lines
    assert "  block list: 192.0.2.1 is on list.example (seen by east-1)" in lines
    assert any("it says: the queue of orders is stuck" in line for line in lines)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limits": LIMITS | {"least_disk_free_percent": 91}}, "limits.least_disk_free_percent"),
        ({"limits": {}}, "limits.least_disk_free_percent: this key is missing"),
        ({"vitals_file": "here"}, "vitals_file: expected an absolute path"),
        ({"checks": CHECKS | {"planned": [["mx", "A", 300, []]]}}, r"planned\[0\]: expected \[name"),
        ({"checks": CHECKS | {"planned": [["mx", "A", -1, ["a"]]]}}, r"planned\[0\]\[2\]: expected a whole"),
        ({"checks": CHECKS | {"resolver": "localhost"}}, "checks.resolver: expected an IPv4 address"),
        ({"mood": "good"}, "seeing.mood: no such key is known here"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_config(seeing(tmp_path, **change))


def test_every_check_of_the_settings_is_made(tmp_path: Path) -> None:
    from failover.checks.assembly import checks_of  # noqa: PLC0415  loads what only some daemons need

    names = [one.name for one in checks_of("east-1", parse_config(seeing(tmp_path)).seeing.checks)]
    assert names == [
        "reverse name 192.0.2.1",
        "block list list.example 192.0.2.1",
        "way out 127.0.0.1",
        "certificate 127.0.0.2:465",
        "name server ns-east",
    ]
    assert checks_of("east-1", None) == []
