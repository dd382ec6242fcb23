"""One trial: a tool in service, a fault at a random moment, and how long clients suffer."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.peers.client import GIVE_UP_SECONDS, Attempt, Client
from bench.peers.tool import Tool
from bench.peers.world import Fault, Node

STEADY_SECONDS = 0.5
START_LIMIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What clients met after one fault. Seconds; `bad` counts transactions begun after it."""

    last_bad_seconds: float
    """From the fault until the last bad transaction began; 0 when none was."""
    bad: int
    attempts: int
    under_way_bad: int
    """Of the transactions under way at the fault."""
    never: bool
    """Whether they were still bad when the trial ended."""


async def try_once(
    tool: Tool, fault: Fault, nodes: Sequence[Node], directory: Path, chance: random.Random
) -> Outcome:
    """Start the tool, break the node that is used most, look, heal, stop."""
    tool.start(nodes, directory)
    client = Client(tool.find)
    running = asyncio.create_task(client.run())
    try:
        await until_steady(tool, client)
        await asyncio.sleep(chance.uniform(0, tool.period_seconds))
        victim = next((one for one in nodes if one.name == client.most_used(1.0)), nodes[0])
        victim.inject(fault)
        at = time.monotonic()
        await asyncio.sleep(tool.window_seconds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        tool.check_alive()
        return outcome(client.attempts, at, at + tool.window_seconds)
    finally:
        running.cancel()
        for node in nodes:
            node.heal()
        tool.stop()


def outcome(attempts: Sequence[Attempt], at: float, end: float) -> Outcome:
    """Judge what was seen. Transactions begun so late that they could not show how they end are left out."""
    after = [one for one in attempts if at <= one.began and (one.ended <= end or one.began <= end - 0.5)]
    bad = [one for one in after if one.bad]
    last = max((one.began - at for one in bad), default=0.0)
    under_way = [one for one in attempts if one.began < at < one.ended]
    settled = min(GIVE_UP_SECONDS, (end - at) / 4)
    return Outcome(
        last_bad_seconds=last,
        bad=len(bad),
        attempts=len(after),
        under_way_bad=sum(one.bad for one in under_way),
        never=last > end - at - settled,
    )


async def until_steady(tool: Tool, client: Client) -> None:
    """Wait until mail flows; BenchError when it does not begin to."""
    began = time.monotonic()
    await asyncio.sleep(tool.settle_seconds)
    while not client.steady(STEADY_SECONDS):
        if time.monotonic() - began > START_LIMIT_SECONDS:
            raise BenchError(f"{tool.name}, {tool.setting}: mail does not flow, with nothing broken")
        tool.check_alive()
        await asyncio.sleep(0.1)
