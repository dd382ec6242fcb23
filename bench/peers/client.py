"""One client that submits a message in a new session every 10 ms, and remembers how each went."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

INTERVAL_SECONDS = 0.01
SLOW_SECONDS = 0.5
"""A transaction that takes longer counts as bad, whatever its end."""
GIVE_UP_SECONDS = 5.0
_MESSAGE = b"Subject: bench\r\n\r\n" + b"x" * 62 * 16 + b"\r\n.\r\n"
_COMMANDS = (
    (b"EHLO client.example\r\n", b"250"),
    (b"MAIL FROM:<a@client.example>\r\n", b"250"),
    (b"RCPT TO:<b@isp.example>\r\n", b"250"),
    (b"DATA\r\n", b"354"),
    (_MESSAGE, b"250"),
    (b"QUIT\r\n", b"221"),
)

Place = tuple[str, int]
Find = Callable[[], Awaitable[Place]]
"""Where to connect now; OSError when nobody says."""


@dataclass(slots=True)
class Attempt:
    """One transaction; times of the monotonic clock."""

    began: float
    ended: float = float("inf")
    good: bool = False
    node: str = ""

    @property
    def bad(self) -> bool:
        return not self.good or self.ended - self.began > SLOW_SECONDS


class Client:
    """Run `run()` as a task; `attempts` grows."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self.attempts: list[Attempt] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; on a fixed grid, without making up for late turns."""
        due = time.monotonic()
        try:
            while True:
                task = asyncio.create_task(self._attempt())
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                due = max(due + INTERVAL_SECONDS, time.monotonic() - INTERVAL_SECONDS)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            for task in self._under_way:
                task.cancel()

    def steady(self, seconds: float) -> bool:
        """Whether everything of the last `seconds` went well."""
        since = time.monotonic() - seconds
        lately = [one for one in self.attempts if one.began >= since and one.ended != float("inf")]
        return len(lately) > seconds / INTERVAL_SECONDS / 4 and not any(one.bad for one in lately)

    def most_used(self, seconds: float) -> str:
        """The node that took most of the last `seconds`."""
        since = time.monotonic() - seconds
        counts = Counter(one.node for one in self.attempts if one.began >= since and one.good)
        return counts.most_common(1)[0][0] if counts else ""

    async def _attempt(self) -> None:
        attempt = Attempt(time.monotonic())
        self.attempts.append(attempt)
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                attempt.good = await self._submit(attempt)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            attempt.good = False
        attempt.ended = time.monotonic()

    async def _submit(self, attempt: Attempt) -> bool:
        reader, writer = await asyncio.open_connection(*await self._find())
        try:
            banner = await reader.readuntil(b"\r\n")
            if not banner.startswith(b"220"):
                return False
            attempt.node = banner.split()[1].decode()
            for command, wanted in _COMMANDS:
                writer.write(command)
                if not (await _reply(reader)).startswith(wanted):
                    return False
            return True
        finally:
            writer.close()


async def _reply(reader: asyncio.StreamReader) -> bytes:
    while True:
        line = await reader.readuntil(b"\r\n")
        if line[3:4] != b"-":
            return line
