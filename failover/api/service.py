"""What the API does with a request: who may, what is asked for, and how it is answered."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from failover.api.access import may, role_of
from failover.api.http import HttpError, Request, Response
from failover.api.metrics import Meter, render
from failover.api.models import HistoryQuery, NodeQuery, OrderQuery, OverrideOrder, Problem, Signed
from failover.api.openapi import description
from failover.api.relay import ORDERED, Relay
from failover.api.routes import Match, find
from failover.api.settings import ApiSettings
from failover.ask import ask
from failover.errors import ConfigError, StatusError
from failover.explain import explain, fleet_notes
from failover.history import read_history
from failover.maintenance import amend, with_order, with_override
from failover.orders import (
    MOST_OWNER_CHARACTERS,
    MOST_REASON_CHARACTERS,
    Book,
    NodeOverride,
    Order,
    checked_words,
    render_book,
)
from failover.overview import Observer
from fleet.api_tokens import ApiRole

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class _Nothing(BaseModel):
    """The query of a route without one."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has been understood."""

    node: str | None
    query: BaseModel
    body: BaseModel | None


class Service:
    """`handle` answers requests; `refuse` makes a response of what is no request."""

    def __init__(
        self,
        settings: ApiSettings,
        executor: Executor | None = None,
        ask_daemon: Callable[[], Mapping[str, Any]] | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        relay: Relay | None = None,
        log: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> None:
        """`executor` runs what waits for files and the daemon; `log` takes a JSON line for each order."""
        self.meter = Meter()
        self._settings = settings
        self._executor = executor
        self._ask = ask_daemon or (lambda: ask(settings.status_socket))
        self._wall = wall
        self._log = log
        self._relay = relay

    async def handle(self, request: Request) -> Response:
        """Never raises: what goes wrong is an answer too."""
        began = time.monotonic()
        match, role = None, None
        try:
            role = self._admit(request)
            match = find(request.method, urlsplit(request.target).path)
            self._permit(role, match)
            response = await self._answer(match, request)
        except HttpError as error:
            response = self.refuse(error)
        except Exception as error:
            self._note("failed", request, role, repr(error))
            response = self.refuse(HttpError(500, "the API itself failed: see the node's journal"))
        route = match.route.path if match else ""
        self.meter.note(request.method if match else "", route, response.status, time.monotonic() - began)
        if (match is not None and match.route.role is ApiRole.OPERATOR) or response.status in (401, 403):
            self._note(str(response.status), request, role)
        return response

    def refuse(self, error: HttpError) -> Response:
        """A problem document (RFC 9457)."""
        title = _TITLES.get(error.status, "Error")
        elsewhere = dict(error.elsewhere) if error.elsewhere else None
        problem = Problem(title=title, status=error.status, detail=error.detail, elsewhere=elsewhere)
        body = problem.model_dump_json(exclude_none=True).encode()
        return Response(error.status, body, "application/problem+json", error.headers)

    def _admit(self, request: Request) -> ApiRole:
        role = role_of(request.headers.get("authorization", ""), self._settings.token_hashes)
        if role is None:
            bearer = {"WWW-Authenticate": 'Bearer realm="mtafleet"'}
            raise HttpError(401, "a token is needed: Authorization: Bearer TOKEN", bearer)
        return role

    def _permit(self, role: ApiRole, match: Match) -> None:
        if not may(role, match.route.role):
            raise HttpError(403, f"this needs the token of an {match.route.role}, and this is a {role}'s")

    async def _answer(self, match: Match, request: Request) -> Response:
        route = match.route
        if match.node is not None and match.node not in self._settings.nodes:
            raise HttpError(404, f"there is no node {match.node[:64]!r}")
        query = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
        call = Call(
            match.node,
            _typed(route.query or _Nothing, query),
            _typed(route.body, _decoded(request)) if route.body else None,
        )
        found = await getattr(self, f"do_{route.name}")(call)
        if isinstance(call.query, OrderQuery) and call.query.everywhere:
            found = {**found, "elsewhere": await self._everywhere(request)}
        content = found if isinstance(found, bytes) else json.dumps(found).encode() + b"\n"
        return Response(200, content, route.content_type)

    async def _everywhere(self, request: Request) -> Mapping[str, str]:
        """Give the order to the other nodes as well; HttpError 502 when not all took it."""
        told = await self._relay.give(request, urlsplit(request.target).path) if self._relay else {}
        missing = [f"{node} {said}" for node, said in told.items() if said != ORDERED]
        if missing:
            detail = f"{self._settings.node} has the order, not all others: {'; '.join(missing)}"
            raise HttpError(502, detail, elsewhere=told)
        return told

    async def do_status(self, _: Call) -> Mapping[str, Any]:
        return await self._status()

    async def do_explain(self, call: Call) -> Mapping[str, Any]:
        node = call.query.node if isinstance(call.query, NodeQuery) else None
        if node is not None and node not in self._settings.nodes:
            raise HttpError(404, f"there is no node {node[:64]!r}")
        observers = [Observer(self._settings.node, "", "", dict(await self._status()), "")]
        found = explain(observers, node)
        return {"notes": fleet_notes(observers), "nodes": [asdict(one) for one in found]}

    async def do_history(self, call: Call) -> Mapping[str, Any]:
        asked = call.query if isinstance(call.query, HistoryQuery) else HistoryQuery()
        file = self._settings.events_file
        return {"entries": await self._in_thread(lambda: read_history(file, **asked.model_dump()))}

    async def do_metrics(self, _: Call) -> bytes:
        try:
            status = await self._status()
        except HttpError:
            return render(None, self.meter)  # that the daemon does not answer is a figure too
        return render(status, self.meter)

    async def do_describe(self, _: Call) -> Mapping[str, Any]:
        return description(f"https://{self._settings.address}:{self._settings.port}")

    async def do_pause(self, call: Call) -> Mapping[str, Any]:
        return await self._order(lambda book: Book(book.orders, book.overrides, self._signed(call)))

    async def do_resume(self, _: Call) -> Mapping[str, Any]:
        return await self._order(lambda book: Book(book.orders, book.overrides))

    async def do_drain(self, call: Call) -> Mapping[str, Any]:
        return await self._order(lambda book: with_order(book, call.node or "", self._signed(call)))

    async def do_undrain(self, call: Call) -> Mapping[str, Any]:
        return await self._order(lambda book: with_order(book, call.node or "", None))

    async def do_override(self, call: Call) -> Mapping[str, Any]:
        if not isinstance(call.body, OverrideOrder):
            raise TypeError(call.body)
        override = NodeOverride(call.body.to, self._signed(call))
        return await self._order(lambda book: with_override(book, call.node or "", override))

    async def do_release(self, call: Call) -> Mapping[str, Any]:
        return await self._order(lambda book: with_override(book, call.node or "", None))

    def _signed(self, call: Call) -> Order:
        if not isinstance(call.body, Signed):
            raise TypeError(call.body)
        since = self._wall().replace(microsecond=0)
        try:
            owner = checked_words(call.body.owner, MOST_OWNER_CHARACTERS, "owner")
            reason = checked_words(call.body.reason, MOST_REASON_CHARACTERS, "reason")
        except ConfigError as error:
            raise HttpError(422, str(error)) from None
        return Order(owner, reason, since, since + timedelta(seconds=call.body.seconds))

    async def _order(self, change: Callable[[Book], Book]) -> Mapping[str, Any]:
        try:
            book = await self._in_thread(lambda: amend(self._settings.maintenance, change))
        except (OSError, ConfigError) as error:
            raise HttpError(503, f"the order cannot be written: {error}") from None
        told: Mapping[str, Any] = json.loads(render_book(book))
        return told

    async def _status(self) -> Mapping[str, Any]:
        try:
            return await self._in_thread(self._ask)
        except (StatusError, ValueError) as error:
            raise HttpError(503, str(error)) from None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _note(self, outcome: str, request: Request, role: ApiRole | None, error: str = "") -> None:
        """Who asked for what; the token is in no header that is told."""
        told = {"kind": "api", "outcome": outcome, "method": request.method, "path": request.target[:200]}
        told |= {"peer": request.peer, "role": str(role or "nobody")} | ({"error": error} if error else {})
        self._log(json.dumps(told))


def _decoded(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HttpError(415, "the body has to be application/json")
    try:
        return json.loads(request.body)
    except ValueError:
        raise HttpError(422, "the body is not JSON") from None


def _typed(model: type[M], value: Any) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, one['loc'])) or 'the request'}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise HttpError(422, "; ".join(told)) from None
