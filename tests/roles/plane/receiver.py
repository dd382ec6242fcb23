"""A mailbox provider in a few lines: takes mail over STARTTLS, refuses some recipients and defers others."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

PEMS = "etc/mtafleet/tls"


@dataclass
class Received:
    """One message as it arrived."""

    client: str
    helo: str
    encrypted: bool
    sender: str
    recipients: list[str]
    content: bytes


@dataclass
class Receiver:
    tls: ssl.SSLContext
    received: list[Received] = field(default_factory=list)
    refused: int = 0
    deferring: bool = False
    """Recipients whose name begins with `later` are put off."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One session."""
        client, helo, sender, encrypted = writer.get_extra_info("peername")[0], "", "", False
        recipients: list[str] = []
        writer.write(b"220 mx.gmail.com ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                helo = line[5:].strip().decode()
                writer.write(b"250-mx\r\n250 8BITMIME\r\n" if encrypted else b"250-mx\r\n250 STARTTLS\r\n")
            elif verb == b"STAR":
                writer.write(b"220 go on\r\n")
                await writer.start_tls(self.tls)
                encrypted = True
            elif verb == b"MAIL":
                sender, recipients = _path(line), []
                writer.write(b"250 ok\r\n")
            elif verb == b"RCPT" and b"<nobody@" in line:
                self.refused += 1
                writer.write(b"550 5.1.1 no such user\r\n")
            elif verb == b"RCPT" and self.deferring and b"<later" in line:
                writer.write(b"451 4.3.2 not now\r\n")
            elif verb == b"RCPT":
                recipients.append(_path(line))
                writer.write(b"250 ok\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                content = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                self.received.append(Received(client, helo, encrypted, sender, recipients, content))
                writer.write(b"250 ok\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


@asynccontextmanager
async def receiving(root: Path, address: str) -> AsyncIterator[tuple[Receiver, ssl.SSLContext]]:
    """A provider on port 25 of `address`, with the certificate of the node at `root`; what clients trust."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(root / PEMS / "fullchain.pem", root / PEMS / "privkey.pem")
    trust = ssl.create_default_context(cafile=str(root / PEMS / "authority.pem"))
    trust.check_hostname = False  # the stage has addresses only
    receiver = Receiver(server)
    async with await asyncio.start_server(receiver.serve, address, 25):
        yield receiver, trust


def _path(line: bytes) -> str:
    """The address between angle brackets."""
    return line.split(b"<")[1].split(b">")[0].decode()
