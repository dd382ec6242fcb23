"""The way out: does any mail exchanger of the world answer on port 25 from each of this node's addresses?

Banner and QUIT, no more. One exchanger that answers is enough; that one provider refuses an address is its
reputation's affair, not the way's.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from failover.checks.board import WAY_OUT, Finding, State
from failover.checks.reverse import LookUp
from failover.errors import LookUpError
from failover.smtp import Replies

INTERVAL_SECONDS = 30.0
ANSWER_SECONDS = 5.0
GOODBYE_SECONDS = 1.0
MOST_TRIED = 4
"""Exchangers tried in one look, one of each domain: if all are silent, it still ends in time."""
MOST_READ_BYTES = 4096


async def exchanger_of(domain: str, lookup: LookUp, turn: int) -> tuple[str, str] | None:
    """(name, address) of one of the domain's exchangers, another one each turn; None: it has none."""
    preferences = [one.split(maxsplit=1) for one in await lookup(f"{domain}.", "MX")]
    names = [name for _, name in sorted(preferences, key=lambda one: (int(one[0]), one[1])) if name != "."]
    if not names:
        return None
    name = names[turn % len(names)]
    addresses = await lookup(name, "A")
    return (name.rstrip("."), addresses[0]) if addresses else None


@dataclass(slots=True)
class WayOut:
    """From `source`, one of the pool's addresses on this node, to an exchanger of one of `domains`."""

    node: str
    pool: str
    source: str
    domains: Sequence[str]
    lookup: LookUp
    interval_seconds: float = INTERVAL_SECONDS
    port: int = 25
    answer_seconds: float = ANSWER_SECONDS
    _turn: int = field(default=0)
    """Which domain comes first now: looks take turns."""

    @property
    def name(self) -> str:
        return f"{WAY_OUT} {self.source}"

    @property
    def target(self) -> str:
        return WAY_OUT

    async def look(self) -> list[Finding]:
        first, turn = self._turn % len(self.domains), self._turn // len(self.domains)
        self._turn += 1
        tried: list[str] = []
        unknown = "there is no exchanger to try"
        for domain in (*self.domains[first:], *self.domains[:first])[:MOST_TRIED]:
            try:
                exchanger = await exchanger_of(domain, self.lookup, turn)
            except LookUpError as error:
                unknown = f"no exchanger of {domain} is known: {error}"
                continue
            if exchanger is not None:
                name, address = exchanger
                good, said = await self._try(address)
                if good:
                    return [self._found(State.GOOD, f"from {self.source} {name} answers: {said}")]
                tried.append(f"{name} {said}")
        if not tried:
            return [self._found(State.UNKNOWN, unknown)]
        return [self._found(State.BAD, f"from {self.source} no exchanger answers: {'; '.join(tried)}")]

    async def _try(self, address: str) -> tuple[bool, str]:
        """Whether the exchanger can be reached, and what it said or what was wrong."""
        try:
            async with asyncio.timeout(self.answer_seconds):
                reader, writer = await asyncio.open_connection(
                    address, self.port, local_addr=(self.source, 0)
                )
        except TimeoutError:
            return False, f"gives no answer within {self.answer_seconds:g} s"
        except OSError as error:
            return False, f"cannot be reached: {(error.strerror or str(error)).lower()}"
        try:
            return await self._greeted(reader, writer)
        finally:
            writer.close()

    async def _greeted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[bool, str]:
        try:
            async with asyncio.timeout(self.answer_seconds):
                banner = await _reply(reader)
        except TimeoutError:
            return False, f"connects and says nothing within {self.answer_seconds:g} s"
        except OSError:
            banner = None
        if banner is None:
            return False, "ends the connection without an SMTP banner"
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                writer.write(b"QUIT\r\n")
                await writer.drain()
                await _reply(reader)
        return not banner.startswith("5"), f"says {banner[:60]!r}"

    def _found(self, state: State, said: str) -> Finding:
        return Finding(WAY_OUT, self.source, state, said, self.node)


async def _reply(reader: asyncio.StreamReader) -> str | None:
    """The last line of the next reply; None when it is none."""
    replies, size = Replies(), 0
    while size < MOST_READ_BYTES and (data := await reader.read(1024)):
        size += len(data)
        if found := replies.feed(data):
            return found[0]
        if replies.broken:
            return None
    return None
