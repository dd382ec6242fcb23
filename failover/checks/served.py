"""The certificate that clients really get, submission and SMTP: when does it expire, and whose is it?"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from failover.certificates import not_after
from failover.checks.board import Finding, State

CHECK = "certificate"
INTERVAL_SECONDS = 60.0
ANSWER_SECONDS = 5.0
WARNING_DAYS = 14
"""Certificates are renewed a month before they expire: half of that time has gone by in vain."""
DAY_SECONDS = 86_400
_STARTTLS = ((b"", b"220"), (b"EHLO %s\r\n", b"250"), (b"STARTTLS\r\n", b"220"))


@dataclass(frozen=True, slots=True)
class ServedCertificate:
    """TLS with `address`:`port`; `server_name` is what a client would ask for."""

    observer: str
    node: str
    address: str
    port: int
    server_name: str
    starttls: bool
    wall: Callable[[], float]
    interval_seconds: float = INTERVAL_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    @property
    def name(self) -> str:
        return f"{CHECK} {self.address}:{self.port}"

    @property
    def target(self) -> str:
        return self.address

    async def look(self) -> list[Finding]:
        where = f"{self.server_name} at {self.address}:{self.port}"
        try:
            async with asyncio.timeout(self.answer_seconds):
                ends = not_after(await self._certificate())
        except TimeoutError:
            return [self._found(State.UNKNOWN, f"{where} shows none within {self.answer_seconds:g} s")]
        except (OSError, ValueError, EOFError) as error:
            return [self._found(State.UNKNOWN, f"{where} shows none: {error}")]
        left = ends - self.wall()
        if left <= 0:
            return [self._found(State.BAD, f"that of {where} has expired")]
        days = int(left // DAY_SECONDS)
        state = State.BAD if days < WARNING_DAYS else State.GOOD
        return [self._found(state, f"that of {where} expires in {days} days")]

    async def _certificate(self) -> bytes:
        """As DER. Nothing of it is verified here: an expired one has to be seen too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(
            self.address,
            self.port,
            ssl=None if self.starttls else context,
            server_hostname=None if self.starttls else self.server_name,
        )
        try:
            if self.starttls:
                await self._ask_for_tls(reader, writer)
                await writer.start_tls(context, server_hostname=self.server_name)
            shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
            found = shown.getpeercert(binary_form=True)
            writer.write(b"QUIT\r\n")
            with contextlib.suppress(OSError):
                await writer.drain()
        finally:
            writer.close()
        if found is None:
            raise ValueError("no certificate")
        return found

    async def _ask_for_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for command, wanted in _STARTTLS:
            writer.write(command % self.observer.encode() if b"%s" in command else command)
            line = await reader.readline()
            while line[3:4] == b"-":
                line = await reader.readline()
            if not line.startswith(wanted):
                raise ValueError(f"it answered {line[:60].decode(errors='replace').strip()!r}")

    def _found(self, state: State, said: str) -> Finding:
        return Finding(CHECK, f"{self.address}:{self.port}", state, said, self.node)
