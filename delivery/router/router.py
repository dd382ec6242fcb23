"""The router: answers the front's questions, and follows the plan."""

import asyncio

from delivery.router.events import Events
from delivery.router.exchangers import Lookup
from delivery.router.own import Own
from delivery.router.plan import Plan
from delivery.router.planfile import PlanFile
from delivery.router.serving import Server
from delivery.router.settings import Settings


class Router:
    """One node's; `start` and `close` frame its life."""

    def __init__(self, settings: Settings, lookup: Lookup, events: Events) -> None:
        self._events = events
        self._own = Own(settings, lookup)
        self._plan = PlanFile(settings.plan_file, self._take_plan, events.write)
        self._server = Server(settings.router_socket, self._own.answer)
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._plan.look()
        self._following = asyncio.create_task(self._plan.follow())
        await self._server.start()
        self._events.write("start", "The router answers.")

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
        self._own.close()
        await self._server.close()

    def _take_plan(self, plan: Plan) -> None:
        self._own.answering.plan = plan
