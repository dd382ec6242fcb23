"""The router: answers the front's questions from DNS and the plan."""

import asyncio
import random
import time

from delivery.router.answering import Answering, domain_of, unknown_isp
from delivery.router.events import Events
from delivery.router.exchangers import Exchangers, Lookup
from delivery.router.plan import Plan
from delivery.router.planfile import PlanFile
from delivery.router.serving import Respond, Server
from delivery.router.settings import Settings

EXCHANGERS_SECONDS = 0.06
"""How long a question waits for DNS: the queue manager does nothing else meanwhile, and the front none too
long.
"""


class Router:
    """One node's; `start` and `close` frame its life."""

    def __init__(self, settings: Settings, lookup: Lookup, events: Events) -> None:
        self._settings, self._events = settings, events
        self._answering = Answering(settings, time.time, random.random)
        self._exchangers = Exchangers(lookup, settings.suffixes, settings.default_isp, time.monotonic)
        self._plan = PlanFile(settings.plan_file, self._take_plan, events.write)
        self._server = Server(settings.router_socket, self.answer)
        self._asking: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._plan.look()
        self._following = asyncio.create_task(self._plan.follow())
        await self._server.start()
        self._events.write("start", "The router answers.")

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
        self._exchangers.close()
        await self._server.close()

    def answer(self, pool: str, key: str, respond: Respond) -> bytes | None:
        """The reply to one question, at once wherever the domain is known."""
        reply = self._answering.without_isp(pool, key)
        if reply is not None:
            return reply
        domain = domain_of(key) or ""
        isp = self._answering.isp_without_lookup(domain) or self._exchangers.known(domain)
        if isp is None:
            task = asyncio.create_task(self._ask_first(pool, domain, respond))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            return None
        return self._answering.for_isp(pool, isp)

    async def _ask_first(self, pool: str, domain: str, respond: Respond) -> None:
        isp = await self._exchangers.find(domain, EXCHANGERS_SECONDS)
        respond(unknown_isp() if isp is None else self._answering.for_isp(pool, isp))

    def _take_plan(self, plan: Plan) -> None:
        self._answering.plan = plan
