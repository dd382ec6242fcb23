"""An order for the whole fleet, given to one node."""

import ssl
from pathlib import Path

from failover.api.relay import PeerRelay
from failover.orders import Book, parse_book
from fleet.api_tokens import ApiRole
from fleet.store_certificates import Authorities
from tests.failover.api_stage import PATIENCE_SECONDS, SECRET, Stage, stage_in

SIGNED = {"owner": "ada@ops-1", "reason": "new disk", "seconds": 1800}
OPERATOR = ApiRole.OPERATOR


def relay_to(port: int, secret: str = SECRET, seconds: float = PATIENCE_SECONDS) -> PeerRelay:
    trust = ssl.create_default_context(cadata=Authorities(secret, "lab", "api").servers_pem)
    return PeerRelay({"west-1": "127.0.0.1"}, port, trust, seconds)


def book_of(stage: Stage) -> Book:
    file = stage.settings.maintenance.orders
    return parse_book(file.read_text()) if file.exists() else Book()


async def test_one_request_orders_all_nodes(tmp_path: Path) -> None:
    (tmp_path / "west").mkdir()
    async with (
        stage_in(tmp_path / "west") as west,
        stage_in(tmp_path, relay=relay_to(west.port)) as east,
    ):
        reply = await east.ask("PUT", "/v1/drains/west-1?everywhere=true", OPERATOR, SIGNED)
        assert (reply.status, reply.json["elsewhere"]) == (200, {"west-1": "ordered"})
        assert book_of(west) == book_of(east) != Book()
        reply = await east.ask("PUT", "/v1/pause", OPERATOR, SIGNED)
        assert (book_of(east).pause is None, book_of(west).pause) == (False, None)
        await east.ask("DELETE", "/v1/drains/west-1?everywhere=true", OPERATOR)
        assert book_of(west).orders == book_of(east).orders == {}


async def test_a_node_that_takes_no_order_is_named(tmp_path: Path) -> None:
    (tmp_path / "west").mkdir()
    async with stage_in(tmp_path / "west") as west:
        gone = west.port
    async with stage_in(tmp_path, relay=relay_to(gone)) as east:
        reply = await east.ask("PUT", "/v1/pause?everywhere=true", OPERATOR, SIGNED)
        assert reply.status == 502
        assert reply.json["elsewhere"]["west-1"].startswith("cannot be asked: ")
        assert "east-1 has the order, not all others: west-1 cannot" in reply.json["detail"]
        assert book_of(east).pause is not None


async def test_a_token_goes_to_no_node_of_another_fleet(tmp_path: Path) -> None:
    (tmp_path / "west").mkdir()
    async with (
        stage_in(tmp_path / "west") as west,
        stage_in(tmp_path, relay=relay_to(west.port, "of another fleet")) as east,
    ):
        reply = await east.ask("PUT", "/v1/pause?everywhere=true", OPERATOR, SIGNED)
        assert reply.status == 502
        assert "CERTIFICATE_VERIFY_FAILED" in reply.json["elsewhere"]["west-1"]
        assert (book_of(west), west.log) == (Book(), [])


async def test_a_refused_order_is_given_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "west").mkdir()
    async with (
        stage_in(tmp_path / "west") as west,
        stage_in(tmp_path, relay=relay_to(west.port)) as east,
    ):
        reply = await east.ask("PUT", "/v1/pause?everywhere=true", ApiRole.READER, SIGNED)
        assert reply.status == 403
        reply = await east.ask("PUT", "/v1/pause?everywhere=true", OPERATOR, {**SIGNED, "seconds": 0})
        assert reply.status == 422
        assert west.log == []
