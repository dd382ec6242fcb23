"""The HTTP API over real TLS: who may what, what is refused, what an order does."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from failover.api.access import may, role_of
from failover.api.http import MOST_BODY_BYTES, MOST_HEAD_BYTES, Limits, Request, Response
from failover.api.routes import ROUTES, Route
from failover.decide import Check
from failover.orders import parse_book
from fleet.api_tokens import ApiRole, token, token_hashes
from tests.failover.api_stage import PATIENCE_SECONDS, PATIENT, SECRET, Stage, stage_in

READER, OPERATOR = ApiRole.READER, ApiRole.OPERATOR
SIGNED = {"owner": "ada@ops-1", "reason": "new disk", "seconds": 1800}
HASHES = {ApiRole(role): one for role, one in token_hashes(SECRET).items()}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage_in(tmp_path) as one:
        yield one


def target(path: str) -> str:
    return path.replace("{node}", "west-1")


async def test_a_reader_is_told_what_the_daemon_knows(stage: Stage) -> None:
    stage.rig.see(False, Check.NOOP, times=2)
    reply = await stage.ask("GET", "/v1/status")
    assert reply.status == 200
    assert reply.json == json.loads(json.dumps(stage.ask_daemon()))
    assert not reply.json["pools"]["orders"]["west-1"]["relay"]["in_service"]
    assert reply.headers["Cache-Control"] == "no-store"


async def test_an_explanation_is_of_all_nodes_or_of_one(stage: Stage) -> None:
    stage.rig.see(False, Check.NOOP, times=2)
    everybody = (await stage.ask("GET", "/v1/explain")).json["nodes"]
    assert [one["node"] for one in everybody] == ["east-1", "west-1"]
    (west,) = (await stage.ask("GET", "/v1/explain?node=west-1")).json["nodes"]
    assert west["verdict"] == "partly out"
    assert "refused" in json.dumps(west)
    assert (await stage.ask("GET", "/v1/explain?node=north-1")).status == 404


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_no_route_serves_without_a_token(stage: Stage, route: Route) -> None:
    method, path = route.method, target(route.path)
    reply = await stage.ask(method, path, None, SIGNED)
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="mtafleet"')
    assert not stage.settings.maintenance.orders.exists()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_a_reader_orders_nothing(stage: Stage, route: Route) -> None:
    method, path, role = route.method, target(route.path), route.role
    reply = await stage.ask(method, path, READER, {**SIGNED, "to": "in"} if method == "PUT" else None)
    assert reply.status == (403 if role is OPERATOR else 200), reply.body
    assert not stage.settings.maintenance.orders.exists()


def test_a_token_is_known_by_its_hash_alone() -> None:
    for role in ApiRole:
        plain = token(SECRET, role)
        assert role_of(f"Bearer {plain}", HASHES) is role
        assert role_of(f"bearer {plain}", HASHES) is role
        assert role_of(f"Basic {plain}", HASHES) is None
        assert role_of(f"Bearer {plain}x", HASHES) is None
        assert role_of(f"Bearer {HASHES[role]}", HASHES) is None
        assert plain not in HASHES.values()
    assert role_of("", HASHES) is role_of("Bearer", HASHES) is role_of("Bearer \udcff", HASHES) is None
    assert token(SECRET, READER) != token(SECRET, OPERATOR) != token("another secret", OPERATOR)
    assert [may(READER, OPERATOR), may(OPERATOR, READER), may(READER, READER)] == [False, True, True]


async def test_an_order_is_what_the_daemon_then_heeds(stage: Stage) -> None:
    reply = await stage.ask("PUT", "/v1/drains/west-1", OPERATOR, SIGNED)
    assert (reply.status, set(reply.json["orders"])) == (200, {"west-1"})
    reply = await stage.ask("PUT", "/v1/overrides/east-1", OPERATOR, {**SIGNED, "to": "in"})
    reply = await stage.ask("PUT", "/v1/pause", OPERATOR, {**SIGNED, "reason": "looking"})
    book = parse_book(stage.settings.maintenance.orders.read_text())
    assert book.orders["west-1"].owner == "ada@ops-1"
    assert (book.orders["west-1"].until - book.orders["west-1"].since).total_seconds() == 1800
    assert (book.overrides["east-1"].to, book.pause and book.pause.reason) == ("in", "looking")
    assert reply.json["overrides"]["east-1"]["to"] == "in"
    assert [json.loads(line)["path"] for line in stage.log] == [
        "/v1/drains/west-1",
        "/v1/overrides/east-1",
        "/v1/pause",
    ]
    for path in ("/v1/drains/west-1", "/v1/overrides/east-1", "/v1/pause"):
        assert (await stage.ask("DELETE", path, OPERATOR)).status == 200
    assert parse_book(stage.settings.maintenance.orders.read_text()) == parse_book('{"orders": {}}')


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/v1/drains/north-1", SIGNED, 404, "no node 'north-1'"),
        ("/v1/drains/", SIGNED, 404, "nothing at"),
        ("/v1/drains/east%2F1", SIGNED, 404, "nothing at"),
        ("/v1/drains/west-1", {**SIGNED, "seconds": 0}, 422, "seconds"),
        ("/v1/drains/west-1", {**SIGNED, "seconds": 90 * 24 * 3600 + 1}, 422, "seconds"),
        ("/v1/drains/west-1", {**SIGNED, "seconds": "1800"}, 422, "seconds"),
        ("/v1/drains/west-1", {**SIGNED, "owner": "two\nlines"}, 422, "owner"),
        ("/v1/drains/west-1", {**SIGNED, "reason": " "}, 422, "reason"),
        ("/v1/drains/west-1", {**SIGNED, "force": True}, 422, "force"),
        ("/v1/drains/west-1", {"owner": "ada"}, 422, "reason"),
        ("/v1/drains/west-1", [], 422, "the request"),
        ("/v1/drains/west-1?force=1", SIGNED, 422, "force"),
        ("/v1/overrides/west-1", {**SIGNED, "to": "none"}, 422, "to"),
        ("/v1/pause", {**SIGNED, "to": "in"}, 422, "to"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_and_nothing_is_written(
    stage: Stage, path: str, body: object, status: int, says: str
) -> None:
    reply = await stage.ask("PUT", path, OPERATOR, body)
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/problem+json")
    assert says in reply.json["detail"]
    assert not stage.settings.maintenance.orders.exists()


async def test_a_method_that_is_not_served_is_named_with_those_that_are(stage: Stage) -> None:
    reply = await stage.ask("POST", "/v1/pause", OPERATOR)
    assert (reply.status, reply.headers["Allow"]) == (405, "DELETE, PUT")


async def test_a_body_that_is_no_json_is_refused(stage: Stage) -> None:
    bearer = f"Authorization: Bearer {token(SECRET, OPERATOR)}"
    for kind, body, status in (("text/plain", "{}", 415), ("application/json", "{", 422)):
        head = f"PUT /v1/pause HTTP/1.1\r\nHost: e\r\n{bearer}\r\nContent-Type: {kind}"
        reply = await stage.send(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        assert reply.status == status


async def test_what_is_too_large_or_no_http_is_refused(stage: Stage) -> None:
    large = f"Content-Length: {MOST_BODY_BYTES + 1}\r\n\r\n".encode() + b"x" * (MOST_BODY_BYTES + 1)
    assert (await stage.send(b"PUT /v1/pause HTTP/1.1\r\nHost: e\r\n" + large)).status == 413
    head = b"GET /v1/status HTTP/1.1\r\nHost: e\r\nX: " + b"x" * MOST_HEAD_BYTES
    assert (await stage.send(head)).status == 431
    assert (await stage.send(b"EHLO client\r\n\r\n")).status == 400
    both = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert (await stage.send(b"PUT /v1/pause HTTP/1.1\r\nHost: e\r\n" + both)).status in (400, 401)
    assert (await stage.ask("GET", "/v1/status")).status == 200


async def test_a_daemon_that_is_gone_is_a_503_and_a_figure(stage: Stage) -> None:
    stage.down = True
    reply = await stage.ask("GET", "/v1/status")
    assert reply.status == 503
    assert "cannot be asked" in reply.json["detail"]
    reply = await stage.ask("GET", "/metrics")
    assert (reply.status, b"mtafleet_daemon_up 0.0" in reply.body) == (200, True)


async def test_refusals_and_orders_are_told_without_any_token(stage: Stage) -> None:
    await stage.ask("GET", "/v1/status", None)
    await stage.ask("DELETE", "/v1/pause", READER)
    await stage.ask("DELETE", "/v1/pause", OPERATOR)
    await stage.ask("GET", "/v1/status", READER)
    told = [json.loads(line) for line in stage.log]
    assert [(one["outcome"], one["role"]) for one in told] == [
        ("401", "nobody"),
        ("403", "reader"),
        ("200", "operator"),
    ]
    assert not any(token(SECRET, role) in line for role in ApiRole for line in stage.log)


async def test_only_tls_with_the_fleets_certificate_is_spoken(stage: Stage) -> None:
    old = stage.context
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", stage.port, ssl=old)
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "127.0.0.1", stage.port, ssl=stage.context, server_hostname="west-1.fleet.example"
        )
    assert (await stage.ask("GET", "/v1/status")).status == 200


@pytest.mark.parametrize(
    "limits", [replace(PATIENT, request_seconds=0.3), replace(PATIENT, handshake_seconds=0.3)]
)
async def test_a_client_that_says_nothing_is_cut(tmp_path: Path, limits: Limits) -> None:
    """It does not even shake hands."""
    async with stage_in(tmp_path, limits=limits) as stage, asyncio.timeout(PATIENCE_SECONDS / 2):
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_no_more_are_served_at_once_than_the_bound(tmp_path: Path) -> None:
    """Nobody is answered before as many wait as may, and all are in the end."""
    served, most, full = 0, 0, asyncio.Event()

    async def handle(_: Request) -> Response:
        nonlocal served, most
        served += 1
        most = max(most, served)
        if served == 2:
            full.set()
        await full.wait()
        await asyncio.sleep(0)
        served -= 1
        return Response(200, b"{}")

    async with stage_in(tmp_path, handle, replace(PATIENT, connections=2)) as stage:
        replies = await asyncio.gather(*(stage.ask("GET", "/v1/status") for _ in range(6)))
    assert [one.status for one in replies] == [200] * 6
    assert most == 2


async def test_who_leaves_in_the_middle_takes_nobodys_place(tmp_path: Path) -> None:
    async with stage_in(tmp_path, limits=replace(PATIENT, connections=1)) as stage:
        for raw in (b"", b"GET /v1/st", b"PUT /v1/pause HTTP/1.1\r\nHost: e\r\nContent-Length: 9\r\n\r\n"):
            _, writer = await stage.connect()
            writer.write(raw)
            writer.transport.abort()
        assert (await stage.ask("GET", "/v1/status")).status == 200
