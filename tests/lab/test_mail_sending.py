"""The sender against the simulated providers, over real TLS on loopback."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from itertools import pairwise
from pathlib import Path

import pytest

from lab.mail.message import MixError, compose, load_mixes, named_mix
from lab.mail.sender import Attempt, Credentials, Door, Plan, Sender, Tally, client_context, fixed
from lab.world.certificates import Authority, create_authority
from lab.world.events import Event
from lab.world.orders import Order, Orders
from lab.world.providers import Provider, load_providers
from lab.world.receiver import Receiver, Sampler, Sampling
from lab.world.server import SmtpServer, server_context
from lab.world.session import Message
from lab.world.traffic import Limits, Traffic
from lab.world.verify import Authentication

NAME = "mx1.harbour-hosting.net"
GOOD = Authentication(
    spf="pass", spf_domain="shop.example", dkim_domains=("shop.example",), signatures=1,
    author_domain="shop.example", dmarc_policy="none", spf_aligned=True, dkim_aligned=True,
    ptr_name="mail.fleet.example",
)  # fmt: skip
FAR = 1e12


class Attempts(list[Attempt]):
    def __init__(self) -> None:
        super().__init__()
        self.first = asyncio.Event()

    def record(self, attempt: Attempt) -> None:
        self.append(attempt)
        self.first.set()


class Events(list[Event]):
    pass


class Harbour:
    """The hosting provider on loopback."""

    def __init__(self, ca_pem: str, port: int, events: Events, orders: Orders, receiver: Receiver) -> None:
        self.ca_pem = ca_pem
        self.port = port
        self.events = events
        self.orders = orders
        self.receiver = receiver

    async def send(
        self, plan: Plan, *, name: str = NAME, ca_pem: str | None = None
    ) -> tuple[Tally, Attempts]:
        attempts = Attempts()
        door = Door(
            name, self.port, client_context(ca_pem or self.ca_pem), "app-1.fleet.example", implicit_tls=False
        )
        mix = named_mix("small", 1)
        sender = Sender(plan, door, mix, fixed("127.0.0.1"), attempts)
        return await sender.run(), attempts


def hosting() -> Provider:
    return next(provider for provider in load_providers() if provider.name == "hosting")


def tls_context(tmp_path: Path) -> tuple[str, ssl.SSLContext]:
    certificate, key = create_authority("world", datetime.now(UTC))
    (tmp_path / "ca.crt").write_text(certificate)
    (tmp_path / "ca.key").write_text(key)
    chain = Authority.read(tmp_path / "ca.crt", tmp_path / "ca.key").issue([NAME], datetime.now(UTC))
    (tmp_path / "chain.pem").write_bytes(chain)
    return certificate, server_context(str(tmp_path / "chain.pem"), str(tmp_path / "chain.pem"))


@asynccontextmanager
async def harbour(
    tmp_path: Path, *, connections: int = 50, verify_percent: int = 0
) -> AsyncIterator[Harbour]:
    async def verify(_: Message) -> Authentication:
        await asyncio.sleep(0)
        return GOOD

    limits = Limits(
        connections=connections, connections_per_fleet=False, messages_per_connection=100,
        messages_per_minute=None, tls_required=True,
    )  # fmt: skip
    ca_pem, context = tls_context(tmp_path)
    events, orders = Events(), Orders()
    sampler = Sampler(Sampling(percent=verify_percent, all_below_messages_per_second=0))
    traffic = Traffic(limits, lambda source, now: None)
    receiver = Receiver(hosting(), traffic, events, verify, sampler, orders)
    server = SmtpServer(receiver, context)
    await server.listen(["127.0.0.1"], port=0)
    try:
        yield Harbour(ca_pem, server.ports[0], events, orders, receiver)
    finally:
        server.close()


def plan(count: int = 20, **changes: object) -> Plan:
    fields: dict[str, object] = {
        "run": "r1", "stream": "transactional", "sender": "orders@shop.example", "via": "direct",
        "count": count, "messages_per_second": None, "sessions": 4, "messages_per_session": 7,
        "timeout_seconds": 300.0, "connect_timeout_seconds": 60.0,
    }  # fmt: skip
    return Plan(**{**fields, **changes})  # type: ignore[arg-type]


async def test_every_message_arrives_once_over_tls(tmp_path: Path) -> None:
    async with harbour(tmp_path, verify_percent=50) as world:
        tally, attempts = await world.send(plan(60))
        assert (tally.accepted, tally.refused, tally.failed) == (60, 0, 0)
        assert Counter(event.ledger_id for event in world.events) == {
            f"r1-{number:06d}": 1 for number in range(60)
        }
        assert {event.tls for event in world.events} == {"TLSv1.3"}
        assert 0 < world.receiver.counters["verified"] < 60
        assert {attempt.recipient for attempt in attempts} == {event.recipients[0] for event in world.events}
        assert max(attempt.nth_of_session for attempt in attempts) == 7


async def test_new_sessions_have_a_banner_time_and_reused_ones_none(tmp_path: Path) -> None:
    async with harbour(tmp_path) as world:
        _, attempts = await world.send(plan(6, sessions=1, messages_per_session=3))
        assert [attempt.banner_at is not None for attempt in attempts] == [True, False, False] * 2
        for attempt in attempts:
            assert attempt.started_at <= (attempt.banner_at or attempt.finished_at) <= attempt.finished_at
            assert attempt.server == "mail.harbour-hosting.net"


async def test_messages_are_due_at_a_fixed_pace(tmp_path: Path) -> None:
    async with harbour(tmp_path) as world:
        _, attempts = await world.send(plan(10, messages_per_second=1000.0))
        due = sorted(attempt.due_at for attempt in attempts)
        gaps = [later - earlier for earlier, later in pairwise(due)]
        assert all(abs(gap - 0.001) < 1e-5 for gap in gaps)


async def test_a_certificate_that_does_not_verify_is_never_accepted(tmp_path: Path) -> None:
    async with harbour(tmp_path) as world:
        tally, attempts = await world.send(plan(1), name="other.example")
        assert (tally.accepted, tally.failed) == (0, 1)
        assert "certificate" in attempts[0].error.lower()
        foreign, _ = create_authority("another", datetime.now(UTC))
        tally, _ = await world.send(plan(1), ca_pem=foreign)
        assert tally.failed == 1
        assert world.events == []


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("connect", "421 4.3.2 Down"),
        ("mail", "451 4.7.1 Later"),
        ("recipient", "450 4.2.1 Later"),
        ("message", "554 5.7.1 No"),
    ],
)
async def test_refusals_are_recorded_with_their_code(tmp_path: Path, stage: str, reply: str) -> None:
    async with harbour(tmp_path) as world:
        world.orders.add(Order("hosting", stage, reply, until=FAR))  # type: ignore[arg-type]
        tally, attempts = await world.send(plan(3))
        assert (tally.accepted, tally.refused, tally.failed) == (0, 3, 0)
        assert {attempt.code for attempt in attempts} == {int(reply[:3])}
        assert not any(attempt.in_doubt for attempt in attempts)


async def test_connections_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    async with harbour(tmp_path, connections=1) as world:
        tally, attempts = await world.send(plan(4, messages_per_session=1))
        assert tally.accepted >= 1
        assert {attempt.code for attempt in attempts if not attempt.accepted} <= {421}
        while world.receiver.traffic.open_connections:  # noqa: ASYNC110 - news of farewells is on its way
            await asyncio.sleep(0)
        tally, _ = await world.send(plan(4, run="r2", sessions=1))
        assert tally.accepted == 4


async def test_a_connection_broken_at_the_final_dot_leaves_the_message_in_doubt(tmp_path: Path) -> None:
    heard = []

    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        heard.append(await reader.readline())
        writer.write(b"250 mail.example\r\n")
        heard.append(await reader.readline())
        writer.write(b"235 welcome\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 OK\r\n250 OK\r\n354 Go\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        writer.close()

    ca_pem, context = tls_context(tmp_path)
    server = await asyncio.start_server(breaking, "127.0.0.1", 0, ssl=context)
    attempts = Attempts()
    port = server.sockets[0].getsockname()[1]
    door = Door(NAME, port, client_context(ca_pem), "app-1.example", Credentials("shop-app", "secret"))
    async with server:
        tally = await Sender(plan(1), door, named_mix("small", 1), fixed("127.0.0.1"), attempts).run()
    assert heard == [b"EHLO app-1.example\r\n", b"AUTH PLAIN AHNob3AtYXBwAHNlY3JldA==\r\n"]
    assert tally.failed == 1
    assert attempts[0].in_doubt
    assert attempts[0].code is None


async def test_nobody_home_is_a_failure_without_doubt(tmp_path: Path) -> None:
    ca_pem, _ = tls_context(tmp_path)
    attempts = Attempts()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and nobody else can listen there
        door = Door(NAME, deaf.getsockname()[1], client_context(ca_pem), "app", implicit_tls=False)
        tally = await Sender(plan(1), door, named_mix("small", 1), fixed("127.0.0.1"), attempts).run()
    assert tally.failed == 1
    assert not attempts[0].in_doubt
    assert attempts[0].address == "127.0.0.1"


async def test_stopping_begins_no_further_message(tmp_path: Path) -> None:
    async with harbour(tmp_path) as world:
        attempts = Attempts()
        door = Door(NAME, world.port, client_context(world.ca_pem), "app", implicit_tls=False)
        sender = Sender(
            plan(10, messages_per_second=0.001), door, named_mix("small", 1), fixed("127.0.0.1"), attempts
        )
        running = asyncio.create_task(sender.run())
        await attempts.first.wait()
        sender.stop()
        tally = await running
        assert (tally.attempted, tally.accepted) == (1, 1)


class FullDisk(Attempts):
    """Records two attempts, then there is no room."""

    def record(self, attempt: Attempt) -> None:
        super().record(attempt)
        if len(self) > 2:
            raise OSError(28, "No space left on device")


async def test_what_cannot_be_recorded_ends_the_run(tmp_path: Path) -> None:
    async with harbour(tmp_path) as world:
        door = Door(NAME, world.port, client_context(world.ca_pem), "app", implicit_tls=False)
        sender = Sender(plan(50, sessions=1), door, named_mix("small", 1), fixed("127.0.0.1"), FullDisk())
        tally = await sender.run()
    assert tally.attempted < 50
    assert sender.unrecorded is not None
    assert sender.unrecorded.strerror == "No space left on device"


@pytest.mark.parametrize("stream", ["transactional", "marketing"])
def test_messages_are_well_formed(stream: str) -> None:
    letter = compose("r1-000001", "gmail.com", "news@news.example", stream, datetime.now(UTC), 4096)
    parsed = message_from_bytes(letter.content, policy=policy.default)
    assert not parsed.defects
    assert parsed["X-Ledger-Id"] == "r1-000001"
    assert parsed["Message-ID"] == "<r1-000001@news.example>"
    assert letter.recipient in parsed["To"]
    assert ("List-Unsubscribe-Post" in parsed) == (stream == "marketing")
    assert 3900 <= len(letter.content) <= 4096
    assert b"\n." not in letter.content
    assert max(len(line) for line in letter.content.split(b"\r\n")) <= 998


def test_mixes_name_only_domains_of_the_world_and_repeat_with_their_seed() -> None:
    served = {domain for provider in load_providers() for domain in provider.domains}
    for name, weights in load_mixes().items():
        assert set(weights) <= served
        one, two = named_mix(name, 7), named_mix(name, 7)
        assert [one.draw() for _ in range(50)] == [two.draw() for _ in range(50)]
    mix = named_mix("default", 3)
    drawn = Counter(mix.draw() for _ in range(20_000))
    assert 0.35 < drawn["gmail.com"] / 20_000 < 0.39
    with pytest.raises(MixError, match="there are default"):
        named_mix("nope", 1)
