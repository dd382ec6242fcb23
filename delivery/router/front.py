"""The front: owns the socket that Postfix asks, and answers itself while the router is dead or too slow.

Its own answers come from the same choice, with the plan as it lies on the disk. Of the domains' ISPs it
knows what the router has told before; others it looks up itself. While one is not known its mail has to
wait: by the wrong ISP's transport it would count at no limit, or at another one's.
"""

import asyncio
import time
from collections.abc import Callable

from delivery.router.answering import LATE, PING, PONG, domain_of
from delivery.router.events import Events
from delivery.router.exchangers import Lookup
from delivery.router.links import Links, Outcome, RouterDeadError, RouterSlowError
from delivery.router.own import Own
from delivery.router.plan import Plan
from delivery.router.planfile import PlanFile
from delivery.router.serving import Respond, Server
from delivery.router.settings import Settings

LIMIT_SECONDS = 0.1
PROBE_SECONDS = 0.2
RISE = 3
"""So many answers in a row, each in time, until the router is asked again."""
AGAIN_SECONDS = 0.05
PATIENCE_SHARE, MOST_PATIENCE_SECONDS = 0.05, 2.0


class Patience:
    """How long the queue manager may be kept waiting for slow DNS: a twentieth of the time, 2 s at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._left, self._at = clock, MOST_PATIENCE_SECONDS, clock()

    def take(self, seconds: float) -> bool:
        """Whether one may wait for so much longer."""
        now = self._clock()
        self._left = min(MOST_PATIENCE_SECONDS, self._left + PATIENCE_SHARE * (now - self._at))
        self._at = now
        if self._left < seconds:
            return False
        self._left -= seconds
        return True


class Front:
    """One node's; `start` and `close` frame its life."""

    def __init__(self, settings: Settings, lookup: Lookup, events: Events) -> None:
        self._settings, self._events = settings, events
        self._own = Own(settings, lookup)
        self._patience = Patience(time.monotonic)
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
        self._own.close()
        await self._server.close()

    def answer(self, pool: str, key: str, respond: Respond) -> bytes | None:
        """The reply to one question: the router's within the time limit, else our own."""
        if pool == PING:
            return PONG
        if not self.passes_on:
            return self._own.answer(pool, key, respond)
        self._ask(pool, key, respond)
        return None

    def _ask(self, pool: str, key: str, respond: Respond) -> None:
        def done(outcome: Outcome) -> None:
            if not isinstance(outcome, bytes):
                self._take_over(outcome)
                own = self._own.answer(pool, key, respond)
                if own is not None:
                    respond(own)
            elif outcome == LATE and self._patience.take(AGAIN_SECONDS):
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._ask_again, pool, key, respond)
            else:
                self._learn(key, outcome)
                respond(outcome)

        self._links.ask(f"{pool} {key}".encode("utf-8", "surrogateescape"), done)

    def _ask_again(self, pool: str, key: str, respond: Respond) -> None:
        reply = self.answer(pool, key, respond)
        if reply is not None:
            respond(reply)

    def _learn(self, key: str, answer: bytes) -> None:
        isp = self._own.answering.note(answer)
        domain = domain_of(key)
        if isp is not None and domain is not None and domain not in self._settings.domains:
            self._own.exchangers.learn(domain, isp)

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
        self._own.answering.plan = plan
