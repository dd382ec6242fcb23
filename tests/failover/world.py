"""A DNS server and an SMTP server on loopback, with the failures of real ones."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class NameServerOnLoopback(asyncio.DatagramProtocol):
    """Answers from `records`, or fails as `rcodes` says; `mute` it says nothing."""

    records: dict[str, dict[str, tuple[int, list[str]]]] = field(default_factory=dict)
    """Name -> type -> (seconds to keep it, values)."""
    rcodes: dict[str, dns.rcode.Rcode] = field(default_factory=dict)
    mute: bool = False
    authoritative: bool = True
    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    _transport: asyncio.DatagramTransport | None = None

    def put(self, name: str, rdtype: str, *values: str, ttl: int = 300) -> None:
        self.records.setdefault(name, {})[rdtype] = (ttl, list(values))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, rdtype = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, rdtype))
        if self.mute or self._transport is None:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA | (dns.flags.AA if self.authoritative else 0)
        if name in self.rcodes:
            response.set_rcode(self.rcodes[name])
        elif name not in self.records:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif rdtype in self.records[name]:
            ttl, values = self.records[name][rdtype]
            response.answer.append(dns.rrset.from_text_list(question.name, ttl, "IN", rdtype, values))
        self._transport.sendto(response.to_wire(), addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServerOnLoopback]:
    """Listening on a free port of 127.0.0.1."""
    server = NameServerOnLoopback()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()


@dataclass
class Exchanger:
    """`banner`: what it says first; None: it connects and says nothing. `heard`: the commands it got."""

    banner: bytes | None = b"220 mx.example ESMTP\r\n"
    tls: ssl.SSLContext | None = None
    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    _sessions: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sessions.append(writer)
        self.sources.append(writer.get_extra_info("peername")[0])
        with suppress(OSError, ssl.SSLError):
            if self.banner is not None:
                writer.write(self.banner)
            while line := await reader.readline():
                self.heard.append(line.strip())
                if line.startswith(b"EHLO"):
                    writer.write(b"250-mx.example\r\n250 STARTTLS\r\n")
                elif line.startswith(b"STARTTLS") and self.tls is not None:
                    writer.write(b"220 2.0.0 Ready\r\n")
                    await writer.drain()
                    await writer.start_tls(self.tls)
                elif line.startswith(b"QUIT"):
                    writer.write(b"221 2.0.0 Bye\r\n")
                    break
                else:
                    writer.write(b"502 5.5.1 No\r\n")
        writer.close()

    def close(self) -> None:
        for one in self._sessions:
            one.close()


@asynccontextmanager
async def exchanger(
    banner: bytes | None = b"220 mx.example ESMTP\r\n",
    *,
    address: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    wrapped: bool = False,
) -> AsyncIterator[Exchanger]:
    """Listening on `address`; `wrapped`: TLS from the first byte."""
    found = Exchanger(banner, tls)
    server = await asyncio.start_server(found.serve, address, port, ssl=tls if wrapped else None)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        found.close()
