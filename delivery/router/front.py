"""The front: owns the socket that Postfix asks, and answers itself while the router is dead or too slow.

Its own answers come from the same choice, with the plan as it lies on the disk, and from what the router
has told before of the domains' ISPs. A domain that it has never seen has to wait: by the wrong ISP's
transport its mail would count at no limit, or at another one's.
"""

import asyncio
import random
import time

from delivery.router.answering import NOT_FOUND, PING, PONG, Answering, domain_of, unknown_isp
from delivery.router.events import Events
from delivery.router.links import Links, Outcome, RouterDeadError, RouterSlowError
from delivery.router.plan import Plan
from delivery.router.planfile import PlanFile
from delivery.router.serving import Respond, Server
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
        self._isps: dict[str, str] = {}
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

    def answer(self, pool: str, key: str, respond: Respond) -> bytes | None:
        """The reply to one question: the router's within the time limit, else our own."""
        if pool == PING:
            return PONG
        if not self.passes_on:
            return self.own_answer(pool, key)

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, bytes):
                self._learn(key, outcome)
                respond(outcome)
            else:
                self._take_over(outcome)
                respond(self.own_answer(pool, key))

        self._links.ask(f"{pool} {key}".encode("utf-8", "surrogateescape"), done)
        return None

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

    def _learn(self, key: str, answer: bytes) -> None:
        isp = self._answering.note(answer)
        domain = domain_of(key)
        if isp is None or domain is None or domain in self._settings.domains:
            return
        if domain not in self._isps and len(self._isps) >= MOST_DOMAINS:
            del self._isps[next(iter(self._isps))]
        self._isps[domain] = isp

    def _take_over(self, trouble: RouterDeadError | RouterSlowError) -> None:
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
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._links.ask(f"{PING} x".encode(), outcome.set_result)
        found = await outcome
        if not isinstance(found, bytes):
            self._take_over(found)
            return
        self._answered += 1
        if not self.passes_on and self._answered >= RISE:
            self.passes_on = True
            self._events.write("router_in", "The router answers in time: it is asked again.")

    def _take_plan(self, plan: Plan) -> None:
        self._answering.plan = plan
