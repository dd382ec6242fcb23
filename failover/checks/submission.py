"""Submitting one canary: TLS from the first byte, the user's password, one small message."""

import asyncio
import base64
import contextlib
import ssl
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from failover.checks.canary_settings import CanaryPool, CanarySettings
from failover.errors import FailoverError
from failover.smtp import Replies
from failover.trust import trust

SUBMIT_SECONDS = 20.0
FRONT_DOOR_PORT = 465
_MOST_READ_BYTES = 16_384


class NotTaken(Exception):  # noqa: N818  it never leaves the checks
    """A canary was not taken. `by`: what the instance called itself; empty when none was reached."""

    def __init__(self, said: str, by: str = "") -> None:
        super().__init__(said)
        self.by = by


@dataclass(slots=True)
class Submitter:
    """Submits as the settings say. `instance_address` is where this node's own instances listen."""

    settings: CanarySettings
    instance_address: str
    front_door_port: int = FRONT_DOOR_PORT
    _trusted: tuple[float, ssl.SSLContext] | None = None

    async def submit(self, pool: CanaryPool, token: str, *, straight: bool) -> str:
        """What the instance that has taken it calls itself; NotTaken when none has.

        `straight`: to this node's own instance, past the front door, with the header that a front door adds.
        FailoverError when this node lacks what it needs to try.
        """
        password = _password(self.settings.password_file)
        context = await self._context()
        session = _Session()
        try:
            async with asyncio.timeout(SUBMIT_SECONDS):
                await self._connect(session, pool, context, straight=straight)
                await session.submit(pool, self.settings, password, token)
        except TimeoutError:
            raise NotTaken(f"no answer within {SUBMIT_SECONDS:g} s", session.host_name) from None
        except (OSError, EOFError) as error:  # ssl's errors are OSErrors
            raise NotTaken(str(error) or type(error).__name__, session.host_name) from None
        finally:
            session.close()
        return session.host_name

    async def _connect(
        self, session: "_Session", pool: CanaryPool, context: ssl.SSLContext, *, straight: bool
    ) -> None:
        host = self.instance_address if straight else pool.address
        port = pool.instance_port if straight else self.front_door_port
        reader, writer = await asyncio.open_connection(host, port)
        session.begin(reader, writer)
        if straight:
            source, source_port = writer.get_extra_info("sockname")[:2]
            writer.write(f"PROXY TCP4 {source} {host} {source_port} {port}\r\n".encode())
        await writer.start_tls(context, server_hostname=pool.name)

    async def _context(self) -> ssl.SSLContext:
        """Made anew when the certificate is: it takes some time, so not in the daemon's own thread."""
        file = self.settings.chain_file
        try:
            changed_at = file.stat().st_mtime
            if self._trusted is None or self._trusted[0] != changed_at:
                self._trusted = (changed_at, await asyncio.to_thread(trust, file))
        except OSError as error:
            raise FailoverError(f"{file}: the certificate cannot be read: {error.strerror}") from None
        return self._trusted[1]


class _Session:
    def __init__(self) -> None:
        self.host_name = ""
        self._replies = Replies()
        self._waiting: list[str] = []

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def close(self) -> None:
        if hasattr(self, "_writer"):
            self._writer.close()

    async def submit(self, pool: CanaryPool, settings: CanarySettings, password: str, token: str) -> None:
        banner = await self._say("", "220")
        self.host_name = banner.split()[1] if len(banner.split()) > 1 else ""
        await self._say(f"EHLO {settings.host_name}", "250")
        secret = base64.b64encode(f"\0{settings.user}\0{password}".encode()).decode()
        await self._say(f"AUTH PLAIN {secret}", "235", shown="AUTH")
        await self._say(f"MAIL FROM:<{pool.sender}>", "250")
        await self._say(f"RCPT TO:<{pool.recipient}>", "250")
        await self._say("DATA", "354")
        await self._say(message(pool, token) + ".", "250", shown="the message")
        with contextlib.suppress(OSError):
            self._writer.write(b"QUIT\r\n")
            await self._writer.drain()

    async def _say(self, line: str, wanted: str, shown: str | None = None) -> str:
        if line:
            self._writer.write(f"{line}\r\n".encode())
            await self._writer.drain()
        reply = await self._reply()
        if not reply.startswith(wanted):
            raise NotTaken(f"{shown or line.partition(':')[0] or 'the banner'}: {reply[:80]}", self.host_name)
        return reply

    async def _reply(self) -> str:
        size = 0
        while not self._waiting:
            data = await self._reader.read(2048)
            size += len(data)
            if not data or size > _MOST_READ_BYTES:
                raise NotTaken("the session was cut off", self.host_name)
            self._waiting += self._replies.feed(data)
            if self._replies.broken:
                raise NotTaken("it answered something that is not SMTP", self.host_name)
        return self._waiting.pop(0)


def message(pool: CanaryPool, token: str) -> str:
    """A canary, lines ended by CR LF."""
    lines = [
        f"From: <{pool.sender}>",
        f"To: <{pool.recipient}>",
        "Subject: canary",
        f"Date: {formatdate()}",
        f"Message-ID: <canary.{token}@{pool.sender.rpartition('@')[2]}>",
        "Auto-Submitted: auto-generated",
        "",
        "Whether mail gets through.",
        "",
    ]
    return "\r\n".join(lines)


def _password(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FailoverError(f"{file}: the canary's password cannot be read: {error}") from None
