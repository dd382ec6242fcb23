"""Canaries: what they prove of which instance, in virtual time; and on the wire, to a real LMTP listener."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

import pytest

from failover.checks.arrivals import HOST, Arrivals
from failover.checks.board import CANARY, Board, State
from failover.checks.canary import FORGOTTEN_SECONDS, LOOK_SECONDS, MOST_UNDER_WAY, Canary
from failover.checks.canary_settings import CanaryPool, CanarySettings
from failover.checks.submission import NotTaken, Submitter, message
from failover.errors import FailoverError
from failover.vitals.maillog import Rate
from fleet.store_certificates import Authorities

OWN = "east-1.fleet.example"
POOLS = ("orders", "news")


def settings(directory: Path, *, instance_port: int = 11465) -> CanarySettings:
    return CanarySettings(
        user="0-canary",
        password_file=directory / "canary.key",
        chain_file=directory / "chain.pem",
        arrival_port=0,
        host_name=OWN,
        interval_seconds=60,
        limit_seconds=30,
        pools={
            pool: CanaryPool(
                HOST,
                f"{pool}.submit.fleet.example",
                instance_port,
                f"canary@{pool}.example",
                f"canary+east-1@bounces.{pool}.example",
            )
            for pool in POOLS
        },
    )


@dataclass
class World:
    """A node whose canaries take `seconds` by pool; None: they never arrive."""

    directory: Path
    now: float = 1000.0
    seconds: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(POOLS, 1.0))
    refuses: dict[str, NotTaken] = field(default_factory=dict)
    taken_by: str = OWN
    hindrance: str | None = None
    sent: list[tuple[float, str, bool]] = field(default_factory=list)
    """When, in which pool, and whether past the front door."""
    told: list[str] = field(default_factory=list)
    due: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.canary = Canary(
            "east-1", settings(self.directory), self.submit, lambda _: self.hindrance, lambda: self.now
        )
        self.board = Board(lambda finding: self.told.append(finding.said))

    async def submit(self, pool: CanaryPool, token: str, /, *, straight: bool) -> str:
        name = pool.name.partition(".")[0]
        self.sent.append((self.now, name, straight))
        if name in self.refuses:
            raise self.refuses[name]
        if (seconds := self.seconds[name]) is not None:
            self.due.append((self.now + seconds, token))
        return self.taken_by

    async def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += LOOK_SECONDS
            for at, token in [one for one in self.due if one[0] <= self.now]:
                self.due.remove((at, token))
                late, self.now = self.now, at
                self.canary.take(token)
                self.now = late
            for finding in await self.canary.look():
                self.board.note(finding, self.now)

    def state(self, pool: str = "orders") -> State | None:
        row = self.board.rows.get((CANARY, pool))
        return row.finding.state if row else None

    def said(self, pool: str = "orders") -> str:
        return self.board.rows[CANARY, pool].finding.said


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(tmp_path)
    yield one
    one.canary.arrivals.end()


async def test_one_canary_a_minute_the_pools_in_turn(world: World) -> None:
    await world.run(3600)
    assert len(world.sent) == 60
    assert {pool for _, pool, _ in world.sent[::2]} != {pool for _, pool, _ in world.sent[1::2]}
    times = [at for at, _, _ in world.sent]
    assert min(after - before for before, after in pairwise(times)) >= 60 - LOOK_SECONDS
    assert not any(straight for _, _, straight in world.sent)
    assert (world.state("orders"), world.state("news")) == (State.GOOD, State.GOOD)
    assert world.said() == "a message to orders arrived after 1.0 s"
    tally = world.canary.tallies["orders"]
    assert (tally.sent, tally.arrived, tally.missed, tally.refused, tally.seconds) == (30, 30, 0, 0, 1.0)


async def test_an_instance_that_lets_two_canaries_down_is_bad_until_one_arrives(world: World) -> None:
    await world.run(300)
    world.seconds["orders"] = None
    await world.run(300)
    assert world.state("orders") is State.BAD
    assert world.state("news") is State.GOOD
    assert world.said() == "a message to orders did not arrive within 30 s"
    later = [straight for at, pool, straight in world.sent if pool == "orders" and at > 1420]
    assert later and all(later), "the front door perhaps sends it nothing any more"
    world.seconds["orders"] = 2.0
    await world.run(180)
    assert world.state("orders") is State.GOOD
    assert world.told == [
        "a message to orders did not arrive within 30 s",
        "a message to orders arrived after 2.0 s",
    ]


async def test_one_late_canary_is_no_news(world: World) -> None:
    await world.run(300)
    world.seconds["orders"] = 31.0
    await world.run(120)
    world.seconds["orders"] = 1.0
    await world.run(300)
    assert world.told == []
    assert world.canary.tallies["orders"].missed == 1


async def test_while_one_pool_is_bad_the_others_have_their_turns(world: World) -> None:
    world.seconds["orders"] = None
    await world.run(1200)
    sent = [pool for _, pool, _ in world.sent]
    assert sent.count("news") >= len(sent) // 2
    assert sent.count("orders") >= MOST_UNDER_WAY
    assert world.state("news") is State.GOOD


async def test_what_is_refused_is_bad_and_says_by_what_words(world: World) -> None:
    world.refuses["news"] = NotTaken("AUTH: 454 4.7.0 Temporary authentication failure", OWN)
    await world.run(400)
    assert world.state("news") is State.BAD
    assert (
        world.said("news")
        == "a message to news was not taken: AUTH: 454 4.7.0 Temporary authentication failure"
    )
    assert world.canary.tallies["news"].refused >= 2


async def test_another_nodes_instance_proves_nothing_of_this_one(world: World) -> None:
    world.taken_by, world.seconds["orders"] = "west-1.fleet.example", None
    world.refuses["news"] = NotTaken("connection refused")
    await world.run(900)
    assert world.state("orders") is None
    assert world.state("news") is State.UNKNOWN
    assert world.told == []
    assert world.canary.tallies["orders"].missed > 0


async def test_what_stands_in_the_way_is_no_fault_of_the_instance(world: World) -> None:
    world.seconds["orders"] = None
    await world.run(130)
    world.hindrance = "its instance of inbound does not answer"
    before = len(world.sent)
    await world.run(900)
    assert len(world.sent) == before, "nothing is sent that could prove nothing"
    assert (world.state("orders"), world.told) == (State.UNKNOWN, []), "one had been missed before"


async def test_lost_canaries_fill_no_queue(world: World) -> None:
    world.seconds = dict.fromkeys(POOLS, None)
    await world.run(FORGOTTEN_SECONDS - 120)
    for pool in POOLS:
        assert sum(name == pool for _, name, _ in world.sent) == MOST_UNDER_WAY
    await world.run(600)
    assert len(world.sent) > 2 * MOST_UNDER_WAY, "what was long ago is given up, and others are sent"


async def test_what_cannot_be_tried_says_so(world: World) -> None:
    async def unable(_: CanaryPool, __: str, /, *, straight: bool) -> str:
        raise FailoverError("no password")

    world.canary._submit = unable
    with pytest.raises(FailoverError, match="no password"):
        await world.run(180)
    assert world.canary._under_way == {}


async def lmtp(port: int, *lines: bytes) -> list[bytes]:
    """What is answered to all that is said; the session ends with QUIT."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"\r\n".join([*lines, b"QUIT", b""]))
    answers = (await reader.read()).splitlines()
    writer.close()
    return answers


TOKEN = "0123456789abcdef" * 2


async def test_a_canary_is_known_by_its_message_id_and_others_are_taken_too() -> None:
    arrived: list[str] = []
    arrivals = Arrivals(0, arrived.append)
    await arrivals.begin()
    envelope = (b"LHLO east-1", b"MAIL FROM:<>", b"RCPT TO:<canary+east-1@bounces.example>", b"DATA")
    pool = settings(Path("/nonexistent")).pools["orders"]
    received = b"Received: by here\r\n" + message(pool, TOKEN).encode() + b"."
    answers = await lmtp(arrivals.port, *envelope, received)
    assert [one[:3] for one in answers] == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]
    assert arrived == [TOKEN]
    quoted = b"Subject: re\r\n\r\n> Message-ID: <canary." + b"f" * 32 + b"@x>\r\n."
    await lmtp(arrivals.port, *envelope, quoted)
    assert arrived == [TOKEN]
    arrivals.end()


async def test_what_is_no_lmtp_breaks_nothing() -> None:
    arrivals = Arrivals(0, lambda _: None)
    await arrivals.begin()
    answers = await lmtp(arrivals.port, b"DATA", b"\xff\xfe", b"", b"MAIL", b"RCPT")
    assert [one[:3] for one in answers] == [b"220", b"500", b"500", b"500", b"250", b"250", b"221"]
    reader, writer = await asyncio.open_connection(HOST, arrivals.port)
    writer.write(b"x" * 100_000)
    assert (await reader.read()).startswith(b"220")
    writer.close()
    arrivals.end()


@dataclass
class Instance:
    """A Postfix instance on loopback behind TLS; `refuses`: the verb that it answers with a 454."""

    refuses: str = ""
    heard: list[str] = field(default_factory=list)
    proxied: list[str] = field(default_factory=list)
    port: int = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"220 {OWN} ESMTP\r\n".encode())
        answers = {"EHLO": "250-x\r\n250 AUTH PLAIN", "AUTH": "235 ok", "DATA": "354 go on"}
        while line := (await reader.readline()).decode().strip():
            self.heard.append(line)
            verb = line.split()[0]
            writer.write(
                f"{'454 4.7.0 not now' if verb == self.refuses else answers.get(verb, '250 ok')}\r\n".encode()
            )
            if verb == "DATA":
                self.heard.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(b"250 2.0.0 Ok: queued as 1\r\n")


@asynccontextmanager
async def listening(instance: Instance, tls: ssl.SSLContext, *, proxied: bool) -> AsyncIterator[Instance]:
    listener = socket.create_server((HOST, 0))
    listener.setblocking(False)
    instance.port = listener.getsockname()[1]
    task = asyncio.create_task(_serve_one(listener, instance, tls, proxied))
    try:
        yield instance
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


async def _serve_one(listener: socket.socket, instance: Instance, tls: ssl.SSLContext, proxied: bool) -> None:
    loop = asyncio.get_running_loop()
    client, _ = await loop.sock_accept(listener)
    header = b""
    while proxied and not header.endswith(b"\n"):  # what follows belongs to TLS
        header += await loop.sock_recv(client, 1)
    instance.proxied += [header.decode().strip()] if proxied else []
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=tls)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        await instance.converse(reader, writer)
    finally:
        writer.close()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """The instance's; what it shows was issued by whoever issued the node's own certificate."""
    (tmp_path / "canary.key").write_text("correct horse\n")
    authorities = Authorities("secret", "lab", "test")
    own = authorities.server("orders.submit.fleet.example", IPv4Address(HOST))
    (tmp_path / "chain.pem").write_text(own.certificate_pem + authorities.servers_pem)
    (tmp_path / "key.pem").write_text(own.private_key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    return context


async def test_a_canary_is_submitted_through_the_front_door_as_a_user_with_a_password(
    tmp_path: Path, tls: ssl.SSLContext
) -> None:
    async with listening(Instance(), tls, proxied=False) as instance:
        told = settings(tmp_path)
        submitter = Submitter(told, HOST, front_door_port=instance.port)
        assert await submitter.submit(told.pools["orders"], TOKEN, straight=False) == OWN
    assert instance.heard[1:5] == [
        "AUTH PLAIN ADAtY2FuYXJ5AGNvcnJlY3QgaG9yc2U=",
        "MAIL FROM:<canary@orders.example>",
        "RCPT TO:<canary+east-1@bounces.orders.example>",
        "DATA",
    ]
    assert f"Message-ID: <canary.{TOKEN}@orders.example>" in instance.heard[5]


async def test_past_the_front_door_it_goes_with_the_header_that_a_front_door_adds(
    tmp_path: Path, tls: ssl.SSLContext
) -> None:
    async with listening(Instance(), tls, proxied=True) as instance:
        told = settings(tmp_path, instance_port=instance.port)
        assert await Submitter(told, HOST).submit(told.pools["orders"], TOKEN, straight=True) == OWN
    (header,) = instance.proxied
    assert header.startswith(f"PROXY TCP4 {HOST} {HOST} ")
    assert header.endswith(f" {instance.port}")


@pytest.mark.parametrize("verb", ["AUTH", "MAIL", "DATA"])
async def test_a_refusal_says_who_refused_what_and_never_the_password(
    tmp_path: Path, tls: ssl.SSLContext, verb: str
) -> None:
    async with listening(Instance(refuses=verb), tls, proxied=False) as instance:
        told = settings(tmp_path)
        with pytest.raises(NotTaken, match=f"^{verb}.*: 454 4.7.0 not now$") as caught:
            await Submitter(told, HOST, instance.port).submit(told.pools["orders"], TOKEN, straight=False)
    assert caught.value.by == OWN
    assert "ADAtY2" not in str(caught.value)


async def test_nobody_else_gets_the_password(tmp_path: Path, tls: ssl.SSLContext) -> None:
    async with listening(Instance(), tls, proxied=False) as instance:
        told = settings(tmp_path)
        with pytest.raises(NotTaken, match="certificate verify failed") as caught:
            await Submitter(told, HOST, instance.port).submit(told.pools["news"], TOKEN, straight=False)
    assert (caught.value.by, instance.heard) == ("", [])


async def test_where_nobody_listens_no_instance_is_named(tmp_path: Path, tls: ssl.SSLContext) -> None:
    async with listening(Instance(), tls, proxied=False) as instance:
        pass
    told = settings(tmp_path)
    with pytest.raises(NotTaken) as caught:
        await Submitter(told, HOST, instance.port).submit(told.pools["orders"], TOKEN, straight=False)
    assert caught.value.by == ""


def test_canaries_are_no_mail_in_the_count_of_what_an_instance_takes_in(tmp_path: Path) -> None:
    file = tmp_path / "postfix-orders.log"
    file.write_text("")
    rate = Rate(file)
    rate.look(0.0)
    line = "Nov 1 00:00:00 east-1 postfix-orders/cleanup[7]: 4d6XqX0000zABC: message-id=<{}@shop.example>\n"
    file.write_text(line.format("canary.0123") + line.format("canaries") + line.format("1"))
    rate.look(660.0)
    assert rate.messages_per_hour(661.0) == 12
