"""Answers from the plan and from DNS: what the router does, and its front while the router is out."""

import asyncio
import random
import time

from delivery.router.answering import LATE, UNKNOWN, Answering, domain_of
from delivery.router.exchangers import Exchangers, Lookup
from delivery.router.serving import Respond
from delivery.router.settings import Settings

EXCHANGERS_SECONDS = 0.07
"""How long a question waits for DNS: the queue manager does nothing else meanwhile, and the front none too
long.
"""


class Own:
    """One process's own answers."""

    def __init__(self, settings: Settings, lookup: Lookup) -> None:
        self.answering = Answering(settings, time.time, random.random)
        self.exchangers = Exchangers(lookup, settings.suffixes, settings.default_isp, time.monotonic)
        self._asking: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        self.exchangers.close()

    def answer(self, pool: str, key: str, respond: Respond) -> bytes | None:
        """The reply to one question, at once wherever the domain is known."""
        reply = self.answering.without_isp(pool, key)
        if reply is not None:
            return reply
        domain = domain_of(key) or ""
        isp = self.answering.isp_without_lookup(domain) or self.exchangers.known(domain)
        if isp is not None:
            return self.answering.for_isp(pool, isp)
        task = asyncio.create_task(self._ask_first(pool, domain, respond))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return None

    async def _ask_first(self, pool: str, domain: str, respond: Respond) -> None:
        isp = await self.exchangers.find(domain, EXCHANGERS_SECONDS)
        if isp is not None:
            respond(self.answering.for_isp(pool, isp))
        else:
            respond(LATE if self.exchangers.is_looking_up(domain) else UNKNOWN)
