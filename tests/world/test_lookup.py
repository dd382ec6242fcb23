"""The look-up against a name server of ours on loopback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from lab.world.lookup import FAILURE_SECONDS, Kind, ResolverLookup, TemporaryDnsError

ZONE = {
    ("mx.example.", "MX"): ["20 b.example.", "10 A.example."],
    ("txt.example.", "TXT"): ['"v=spf1 " "-all"'],
    ("host.example.", "A"): ["198.51.100.1"],
    ("21.100.51.198.in-addr.arpa.", "PTR"): ["Mail.example."],
}


#: What the look-up goes by; it stands still unless a test moves it.
NOW = [100.0]


class NameServer(asyncio.DatagramProtocol):
    """Answers from `ZONE`; `broken.example` gets SERVFAIL."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(), question.rdtype.name
        self.asked[name] += 1
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if name == "broken.example.":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in ZONE:
            reply.answer.append(dns.rrset.from_text(name, 30, "IN", kind, *ZONE[name, kind]))
        elif not any(owner == name for owner, _ in ZONE):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        if self.transport is not None:
            self.transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def server() -> AsyncIterator[tuple[NameServer, ResolverLookup]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    try:
        yield protocol, ResolverLookup("127.0.0.1", port=port, lifetime_seconds=180, clock=lambda: NOW[0])
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("mx.example", "MX", ("a.example", "b.example")),
        ("txt.example", "TXT", ("v=spf1 -all",)),
        ("host.example", "A", ("198.51.100.1",)),
        ("host.example", "TXT", ()),
        ("absent.example", "A", ()),
        ("21.100.51.198.in-addr.arpa", "PTR", ("mail.example",)),
    ],
)
async def test_values_by_type(name: str, kind: Kind, expected: tuple[str, ...]) -> None:
    async with server() as (_, lookup):
        assert await lookup(name, kind) == expected


async def test_a_question_is_asked_once_however_many_wait_and_the_answer_is_kept() -> None:
    async with server() as (name_server, lookup):
        answers = await asyncio.gather(*(lookup("host.example", "A") for _ in range(20)))
        assert set(answers) == {("198.51.100.1",)}
        assert await lookup("host.example", "A") == ("198.51.100.1",)
        assert await lookup("absent.example", "A") == await lookup("absent.example", "A") == ()
        assert name_server.asked == {"host.example.": 1, "absent.example.": 1}


async def test_a_failure_is_temporary_and_remembered_for_a_moment() -> None:
    async with server() as (name_server, lookup):
        for _ in range(3):
            with pytest.raises(TemporaryDnsError):
                await lookup("broken.example", "A")
        assert name_server.asked["broken.example."] == 1
        NOW[0] += FAILURE_SECONDS
        with pytest.raises(TemporaryDnsError):
            await lookup("broken.example", "A")
        assert name_server.asked["broken.example."] == 2


async def test_a_name_that_cannot_be_asked_for_is_a_failure() -> None:
    async with server() as (_, lookup):
        with pytest.raises(TemporaryDnsError):
            await lookup("a..example", "A")
