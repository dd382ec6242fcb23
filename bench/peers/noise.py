"""No fault at all, but a bad day: short pauses, busy processors, lost packets. Who is taken out wrongly?"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.peers.client import Client
from bench.peers.tool import Tool
from bench.peers.trial import until_steady
from bench.peers.world import Node

PAUSE_SECONDS = 0.1
BETWEEN_PAUSES_SECONDS = 1.0
LOSS_PERCENT = 1


class Noise(StrEnum):
    """What is bad about the day."""

    PAUSES = "pauses of 100 ms"
    BUSY = "CPU saturated"
    LOSS = "1 % loss"


@dataclass(frozen=True, slots=True)
class Day:
    """What a tool made of it. `ejections` is None where it does not tell."""

    ejections: int | None
    bad: int
    attempts: int


async def live_through(
    tool: Tool, noise: Noise, seconds: float, nodes: Sequence[Node], directory: Path, chance: random.Random
) -> Day:
    """Start the tool, make noise for so long, count what it took out; nothing was ever broken."""
    tool.start(nodes, directory)
    client = Client(tool.find)
    running = asyncio.create_task(client.run())
    burners: list[subprocess.Popen[bytes]] = []
    try:
        await until_steady(tool, client)
        before = tool.ejections()
        if noise is Noise.BUSY:
            burners = [_burner() for _ in range(2 * (os.cpu_count() or 1))]
        if noise is Noise.LOSS:
            for node in nodes:
                node.lose(LOSS_PERCENT)
        began = len(client.attempts)
        if noise is Noise.PAUSES:
            await _pauses(nodes, seconds, chance)
        else:
            await asyncio.sleep(seconds)
        after = tool.ejections()
        ended = [one for one in client.attempts[began:] if one.ended != float("inf")]
        wrong = None if before is None or after is None else after - before
        return Day(wrong, sum(one.bad for one in ended), len(ended))
    finally:
        running.cancel()
        for burner in burners:
            burner.kill()
            burner.wait()
        for node in nodes:
            node.lose(0)
        tool.stop()


async def _pauses(nodes: Sequence[Node], seconds: float, chance: random.Random) -> None:
    for _ in range(int(seconds / BETWEEN_PAUSES_SECONDS)):
        wait_seconds = chance.uniform(0, BETWEEN_PAUSES_SECONDS - PAUSE_SECONDS)
        await asyncio.sleep(wait_seconds)
        node = chance.choice(nodes)
        node.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            node.signal(signal.SIGCONT)
        await asyncio.sleep(BETWEEN_PAUSES_SECONDS - PAUSE_SECONDS - wait_seconds)


def _burner() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])
