"""A node tries its instance with messages of its own: through the front door, and past it."""

import asyncio
from dataclasses import replace
from typing import Any

from failover.checks.arrivals import Arrivals
from failover.checks.canary_settings import CanaryPool, CanarySettings
from failover.checks.submission import NotTaken, Submitter
from fleet.canary import ARRIVAL_PORT, USER, canary_password
from tests.roles.plane.stage import Stage

WAIT_SECONDS = 300.0
SECRET = "dHNpZy1zZWNyZXQtZm9yLXRlc3Rz"
ENTRY, INSTANCE = "198.51.100.21", "198.51.100.11"
POOL = CanaryPool(
    ENTRY,
    "transactional.submit.fleet.example",
    11465,
    "canary@shop.example",
    "canary+east-1@bounce.shop.example",
)
WAYS = {"through the front door": False, "past it": True}


async def scene(here: Stage) -> dict[str, Any]:
    """Who took each canary, whether it arrived, and what becomes of one to a stranger."""
    password_file = here.root / "run/canary.key"
    password_file.write_text(canary_password(SECRET))
    chain = here.root / "etc/mtafleet/tls/fullchain.pem"
    settings = CanarySettings(
        USER, password_file, chain, ARRIVAL_PORT, "east-1.fleet.example", 60, 60, {"transactional": POOL}
    )
    submitter = Submitter(settings, INSTANCE)
    waiting = {way: asyncio.Event() for way in WAYS}
    tokens = {f"{number:032x}": way for number, way in enumerate(WAYS)}
    arrivals = Arrivals(ARRIVAL_PORT, lambda token: waiting[tokens[token]].set())
    await arrivals.begin()
    found: dict[str, Any] = {"taken by": {}, "arrived": {}}
    for token, way in tokens.items():
        found["taken by"][way] = await _taken(submitter, token, straight=WAYS[way])
    for way, event in waiting.items():
        found["arrived"][way] = await _within(event)
    try:
        await submitter.submit(replace(POOL, recipient="x@gmail.com"), "f" * 32, straight=False)
        found["to a stranger"] = "taken"
    except NotTaken as refusal:
        found["to a stranger"] = str(refusal)
    arrivals.end()
    return found


async def _taken(submitter: Submitter, token: str, *, straight: bool) -> str:
    """Tried again while nobody answers: programs start, and a busy computer makes HAProxy doubt them."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                return await submitter.submit(POOL, token, straight=straight)
            except NotTaken as refusal:
                if refusal.by:
                    return str(refusal)
                await asyncio.sleep(0.5)


async def _within(event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            return await event.wait()
    except TimeoutError:
        return False
