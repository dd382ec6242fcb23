"""The front: owns the socket that Postfix asks, and answers itself while the router is dead or too slow.

Its own answers come from the same choice, with the plan as it lies on the disk, and from what the router
has told before of the domains' ISPs. A domain that it has never seen has to wait: by the wrong ISP's
transport its mail would count at no limit, or at another one's.
"""

import asyncio
import random
import time
from collections import OrderedDict

from delivery.router.answering import NOT_FOUND, PING, PONG, Answering, domain_of, unknown_isp
from delivery.router.events import Events
from delivery.router.links import Links, RouterDeadError, RouterSlowError
from delivery.router.plan import Plan
from delivery.router.planfile import PlanFile
from delivery.router.serving import Server
from delivery.router.settings import Settings

LIMIT_SECONDS = 0.1
PROBE_SECONDS = 0.2
RISE = 3
"""So many answers in a row, each in time, until the router is asked again."""
MOST_DOMAINS = 100_000


class Front:
    """One node's; `start` and `close` frame its life."""

    def __init__(self, settings: Settings, events: Events) -> None:
        self._settings, self._events = settings, events
        self._answering = Answering(settings, time.time, random.random)
        self._isps: OrderedDict[str, str] = OrderedDict()
        self._links = Links(settings.router_socket, LIMIT_SECONDS)
        self._plan = PlanFile(settings.plan_file, self._take_plan, events.write)
        self._server = Server(settings.front_socket, self.answer, settings.socket_group)
        self._answered = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.passes_on = False
        """Whether the router is asked. False at first: it has to prove itself."""

    async def start(self) -> None:
        self._plan.look()
        await self._probe()
        self._tasks = [asyncio.create_task(self._plan.follow()), asyncio.create_task(self._watch())]
        await self._server.start()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._links.close()
        await self._server.close()

    def answer(self, pool: str, key: str) -> "bytes | asyncio.Future[bytes]":
        """The reply to one question: the router's within the time limit, else our own."""
        if pool == PING:
            return PONG
        if not self.passes_on:
            return self.own_answer(pool, key)
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        request = f"{pool} {key}".encode("utf-8", "surrogateescape")
        self._links.ask(request).add_done_callback(lambda asked: self._pass_on(pool, key, asked, reply))
        return reply

    def own_answer(self, pool: str, key: str) -> bytes:
        """What is said without the router."""
        reply = self._answering.without_isp(pool, key)
        if reply is not None:
            return reply
        domain = domain_of(key)
        if domain is None:
            return NOT_FOUND
        isp = self._answering.isp_without_lookup(domain) or self._isps.get(domain)
        return unknown_isp() if isp is None else self._answering.for_isp(pool, isp)

    def _pass_on(
        self, pool: str, key: str, asked: "asyncio.Future[bytes]", reply: "asyncio.Future[bytes]"
    ) -> None:
        trouble = None if asked.cancelled() else asked.exception()
        if not asked.cancelled() and trouble is None:
            answer = asked.result()
            self._learn(key, answer)
        else:
            self._take_over(trouble)
            answer = self.own_answer(pool, key)
        if not reply.done():
            reply.set_result(answer)

    def _learn(self, key: str, answer: bytes) -> None:
        isp = self._answering.note(answer)
        domain = domain_of(key)
        if isp is None or domain is None or domain in self._settings.domains:
            return
        self._isps[domain] = isp
        self._isps.move_to_end(domain)
        if len(self._isps) > MOST_DOMAINS:
            self._isps.popitem(last=False)

    def _take_over(self, trouble: BaseException | None) -> None:
        self._answered = 0
        if not self.passes_on:
            return
        self.passes_on = False
        self._links.close()
        what = "slow" if isinstance(trouble, RouterSlowError) else "dead"
        self._events.write("router_out", f"The router is {what}, the front answers: {trouble}.", was=what)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            await self._probe()

    async def _probe(self) -> None:
        try:
            await self._links.ask(f"{PING} x".encode())
        except (RouterDeadError, RouterSlowError) as error:
            self._take_over(error)
            return
        self._answered += 1
        if not self.passes_on and self._answered >= RISE:
            self.passes_on = True
            self._events.write("router_in", "The router answers in time: it is asked again.")

    def _take_plan(self, plan: Plan) -> None:
        self._answering.plan = plan
