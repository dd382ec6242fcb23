"""Handing mail to peers: who gets what, what stays, and when it ends, on a made-up queue."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from failover.config import MaintenanceFiles
from failover.errors import ConfigError
from failover.handover.command import parse_route, run
from failover.handover.errors import HandOverError, PeerError, Unfit
from failover.handover.queue import Envelope, parse_envelope
from failover.handover.session import quoted
from failover.handover.settings import Peer, load_settings
from failover.handover.work import MOST_PROBLEMS, Round, Route, hand_over, told, while_allowed
from failover.maintenance import _parser
from fleet.handover import hand_over_settings
from fleet.spec.load import load_environment
from fleet.topology import Fleet

RETURN_PATH = "bounce+000102030405060708090a0b0c0d0e@bounce.shop.example"
PEERS = {name: Peer(name, "198.51.100.12", f"mx-{name}.example", 11026) for name in ("near", "other", "far")}


@dataclass
class FakeMessage:
    queue_id: str
    queue: "FakeQueue"
    sender: str = RETURN_PATH
    recipients: tuple[str, ...] = ("a@example.com",)

    def envelope(self) -> Envelope:
        return Envelope(self.sender, self.recipients)

    def content(self) -> bytes:
        return b"Subject: x\n\nhello\n"

    def delete(self) -> None:
        if self.queue_id in self.queue.stuck:
            raise HandOverError(f"{self.queue_id} cannot be deleted")
        del self.queue.messages[self.queue_id]


@dataclass
class FakeQueue:
    """Messages by id; those in `busy` are under delivery, those in `stuck` cannot be deleted."""

    messages: dict[str, FakeMessage] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, count: int) -> "FakeQueue":
        made = cls()
        made.messages = {f"M{number}": FakeMessage(f"M{number}", made) for number in range(count)}
        return made

    def waiting(self) -> list[Path]:
        return [Path(name) for name in self.messages]

    @contextmanager
    def taken(self, path: Path) -> Iterator[FakeMessage | None]:
        yield None if path.name in self.busy else self.messages.get(path.name)


@dataclass
class FakePeers:
    """Sessions to peers; each peer may be out, take only so many, or refuse recipients."""

    out: set[str] = field(default_factory=set)
    room: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    got: list[tuple[str, str]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def connect(self, peer: Peer) -> Iterator["FakeSession"]:
        if peer.node in self.out:
            raise PeerError("Connection refused")
        yield FakeSession(self, peer.node)


@dataclass
class FakeSession:
    peers: FakePeers
    node: str

    def send(self, envelope: Envelope, content: bytes) -> str:
        with self.peers.guard:
            if set(envelope.recipients) & self.peers.refused:
                raise Unfit("RCPT TO: 550 5.1.1 no such user")
            if self.peers.room.get(self.node, 10**6) <= 0:
                raise PeerError("MAIL FROM: 452 4.3.1 Insufficient system storage")
            self.peers.room[self.node] = self.peers.room.get(self.node, 10**6) - 1
            self.peers.got.append((self.node, envelope.recipients[0]))
        return "2.0.0 Ok: queued as X"


def hand(queue: FakeQueue, peers: FakePeers, *tiers: str, most: int | None = None) -> Round:
    """One round over tiers like `near,other`; with `most`, it may go on until so many were handed over."""
    round_ = Round(peers.connect, lambda: most is None or len(peers.got) < most)
    route = Route("orders", [[PEERS[name] for name in tier.split(",")] for tier in tiers])
    hand_over(round_, route, queue, log=lambda line: None)
    return round_


def test_the_first_tier_gets_everything_while_it_takes_mail() -> None:
    queue, peers = FakeQueue.of(50), FakePeers()
    round_ = hand(queue, peers, "near,other", "far")
    assert queue.messages == {}
    assert sum(round_.handed["orders"].values()) == 50
    assert set(round_.handed["orders"]) <= {"near", "other"}


def test_a_peer_that_is_out_leaves_its_share_to_the_others() -> None:
    queue, peers = FakeQueue.of(20), FakePeers(out={"near"})
    round_ = hand(queue, peers, "near,other")
    assert queue.messages == {}
    assert dict(round_.handed["orders"]) == {"other": 20}
    assert list(round_.problems) == ["near: Connection refused"]


def test_the_next_tier_gets_what_the_first_does_not_take() -> None:
    queue, peers = FakeQueue.of(20), FakePeers(room={"near": 5})
    round_ = hand(queue, peers, "near", "far")
    assert queue.messages == {}
    assert dict(round_.handed["orders"]) == {"near": 5, "far": 15}
    assert list(round_.problems) == ["near: MAIL FROM: 452 4.3.1 Insufficient system storage"]


def test_what_nobody_takes_stays() -> None:
    queue, peers = FakeQueue.of(20), FakePeers(room={"near": 5, "far": 4})
    hand(queue, peers, "near", "far")
    assert len(queue.messages) == 11
    assert len(peers.got) == 9


@pytest.mark.parametrize("what", ["refused", "bounce", "busy"])
def test_one_message_that_cannot_go_does_not_keep_the_others(what: str) -> None:
    queue, peers = FakeQueue.of(10), FakePeers(refused={"x@example.com"})
    if what == "refused":
        queue.messages["M3"].recipients = ("a@example.com", "x@example.com")
    elif what == "bounce":
        queue.messages["M3"].sender = ""
    else:
        queue.busy = {"M3"}
    round_ = hand(queue, peers, "near", "far")
    assert set(queue.messages) == {"M3"}
    assert any(one.startswith("orders M3: ") for one in round_.problems) == (what != "busy")


def test_a_message_whose_recipients_were_all_served_is_left_to_the_queue_manager() -> None:
    queue, peers = FakeQueue.of(1), FakePeers()
    queue.messages["M0"].recipients = ()
    assert hand(queue, peers, "near").handed == {}
    assert set(queue.messages) == {"M0"}


def test_a_message_that_cannot_be_deleted_stops_everything() -> None:
    queue, peers = FakeQueue.of(100), FakePeers()
    queue.stuck = set(queue.messages)
    round_ = hand(queue, peers, "near", "far")
    assert len(peers.got) <= 2  # one for each session to the first peer
    assert len(queue.messages) == 100
    assert "cannot be deleted" in str(told(round_)["broken"])


def test_a_round_ends_when_it_may_not_go_on() -> None:
    queue, peers = FakeQueue.of(100), FakePeers()
    hand(queue, peers, "near", "far", most=10)
    assert 10 <= len(peers.got) <= 11  # the other session's message was under way
    assert len(queue.messages) == 100 - len(peers.got)


def test_problems_are_told_once_and_not_without_end() -> None:
    round_ = Round(FakePeers().connect, lambda: True)
    for number in range(100):
        round_.note(f"problem {number // 2}")
    assert list(round_.problems) == [f"problem {number}" for number in range(MOST_PROBLEMS)]


def test_a_round_goes_on_until_its_time_is_up_or_the_order_is_lifted() -> None:
    now, ordered = [100.0], [True]
    goes_on = while_allowed(10, lambda: ordered[0], lambda: now[0])
    assert goes_on()
    now[0] = 109.9
    assert goes_on()
    ordered[0] = False
    now[0] = 109.95  # asked again twice a second at most
    assert goes_on()
    now[0] = 110.0
    assert not goes_on()
    ordered[0] = True
    assert not while_allowed(0, lambda: True, lambda: now[0])()


POSTCAT = """\
*** ENVELOPE RECORDS - ***
message_size:        1290         700           2           0        1290           {flags}
message_arrival_time: Mon May  4 12:00:00 2026
named_attribute: log_client_name=app
sender: bounce+00@bounce.shop.example
original_recipient: old@example.com
done_recipient: served@example.com
original_recipient: one@example.com
recipient: one@example.com
recipient: two: colon@example.com
recipient: one@example.com
*** MESSAGE FILE END - ***
"""


def test_the_recipients_still_to_be_served_are_read_from_the_envelope() -> None:
    found = parse_envelope(POSTCAT.format(flags=0))
    assert found == Envelope("bounce+00@bounce.shop.example", ("one@example.com", "two: colon@example.com"))
    assert parse_envelope(POSTCAT.format(flags=1)).utf8


def test_a_file_without_a_sender_record_is_no_message() -> None:
    with pytest.raises(Unfit, match="no sender record"):
        parse_envelope("*** ENVELOPE RECORDS - ***\n")
    assert parse_envelope("sender: \nrecipient: a@example.com\n").sender == ""


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("a.b+c@example.com", "a.b+c@example.com"),
        ("a b@example.com", '"a b"@example.com'),
        ('a"b\\c@example.com', '"a\\"b\\\\c"@example.com'),
        ("a@b@example.com", '"a@b"@example.com'),
        (".a@example.com", '".a"@example.com'),
    ],
)
def test_local_parts_get_their_quotes_back(address: str, wanted: str) -> None:
    assert quoted(address) == wanted


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    peers = {"west-1": {"address": "203.0.113.11", "name": "mx-west-1.example"}}
    file = tmp_path / "hand-over.json"
    pools = {"orders": {"port": 11026, "peers": peers}}
    file.write_text(
        json.dumps(
            {"node": "east-1", "source": "198.51.100.11", "chain_file": "/x/fullchain.pem", "pools": pools}
        )
    )
    return file


def test_settings_are_read(settings_file: Path) -> None:
    found = load_settings(settings_file)
    assert (found.node, found.source, found.chain_file) == (
        "east-1",
        "198.51.100.11",
        Path("/x/fullchain.pem"),
    )
    assert found.pools == {"orders": {"west-1": Peer("west-1", "203.0.113.11", "mx-west-1.example", 11026)}}


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("{}", "node: this key is missing"), ("[]", "expected an object")],
)
def test_broken_settings_are_named(settings_file: Path, text: str, said: str) -> None:
    settings_file.write_text(text)
    with pytest.raises(ConfigError, match=rf"hand-over\.json: .*{said}"):
        load_settings(settings_file)


def test_what_the_model_writes_is_read_and_names_every_peer(tmp_path: Path) -> None:
    fleet, file = Fleet.of(load_environment("lab")), tmp_path / "hand-over.json"
    for node in fleet.mta_nodes:
        file.write_text(json.dumps(hand_over_settings(fleet, node.name)))
        found = load_settings(file)
        assert (found.node, found.source) == (node.name, str(node.address))
        for pool in fleet.pools:
            others = [one for one in fleet.members(pool.pool) if one.name != node.name]
            assert found.pools[pool.pool] == {
                one.name: Peer(one.name, str(one.address), fleet.mx_name(one), pool.hand_over_port)
                for one in others
            }


def test_routes_name_peers_of_the_settings_only(settings_file: Path) -> None:
    settings = load_settings(settings_file)
    assert [[one.node for one in tier] for tier in parse_route("orders=/west-1", settings).tiers] == [
        ["west-1"]
    ]
    with pytest.raises(ConfigError, match="no pool 'news'"):
        parse_route("news=west-1", settings)
    with pytest.raises(ConfigError, match=r"orders has no peer 'evil\.example'"):
        parse_route("orders=evil.example", settings)


def test_without_an_order_nothing_begins(settings_file: Path, tmp_path: Path) -> None:
    words = ["hand-over", "--seconds", "5", "--route", "orders=west-1", "--settings", str(settings_file)]
    files = MaintenanceFiles(tmp_path / "orders.json", tmp_path / "last-good.json")
    with pytest.raises(HandOverError, match="no order takes east-1 out of service"):
        run(_parser().parse_args(words), files, dict)
