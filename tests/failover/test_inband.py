"""What the ends of clients' sessions tell, and what is made of it."""

import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.decide import Check, Result, Target
from failover.inband import (
    CALM_SECONDS,
    KNOWN,
    MOST_WAIT_SECONDS,
    Ends,
    Patience,
    SessionEnd,
    Usual,
    parse_end,
)
from failover.suspicion import Suspicion
from tests.failover.fleet_of_two import config

BACKEND = "pool_orders_smtps"
WEST = Target("west-1", "orders", Check.SESSION)
CLIENT = "192.0.2.71"


def end(client_bytes: int, server_bytes: int = 4000, server: str = "west-1") -> SessionEnd:
    return SessionEnd(BACKEND, server, CLIENT, client_bytes, server_bytes)


def test_a_line_of_haproxys_is_read() -> None:
    assert parse_end(b"pool_orders_smtps west-1 192.0.2.71 517 90\n") == end(517, 90)
    assert parse_end(b"pool_orders_smtps <NOSRV> 192.0.2.71 0 0\n") is None


@given(st.binary(max_size=600))
def test_anything_may_come(data: bytes) -> None:
    parse_end(data)


def usual() -> Usual:
    known = Usual()
    for _ in range(KNOWN):
        assert not known.is_short(end(2600))
    return known


def test_a_session_with_far_fewer_bytes_than_usual_is_short() -> None:
    assert usual().is_short(end(1800))
    assert not usual().is_short(end(2000))


def test_a_server_that_says_nothing_gives_itself_away_at_once() -> None:
    assert Usual().is_short(end(517, 0))


def test_who_connects_and_says_nothing_had_no_session() -> None:
    assert not usual().is_short(end(0, 0))


def test_nothing_is_short_while_it_is_not_known_what_is_usual() -> None:
    known = Usual()
    assert not known.is_short(end(2600))
    assert not known.is_short(end(10))


def test_what_is_usual_changes_with_the_mail() -> None:
    known = usual()
    for _ in range(100):
        known.is_short(end(900))
    assert not known.is_short(end(900))


def test_looks_become_rare_while_they_find_nothing() -> None:
    patience = Patience()
    looks = [tick / 16 for tick in range(400) if patience.may_look(WEST, tick / 16)]
    waits = [after - before for before, after in pairwise(looks)]
    assert looks[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] == MOST_WAIT_SECONDS


def test_a_look_that_was_worth_it_or_a_calm_time_makes_the_next_one_prompt() -> None:
    patience = Patience()
    for tick in range(200):
        patience.may_look(WEST, tick / 20)
    assert not patience.may_look(WEST, 10.0)
    patience.was_bad(WEST)
    assert patience.may_look(WEST, 10.0)
    for tick in range(200, 400):
        patience.may_look(WEST, tick / 20)
    later = 20.0 + CALM_SECONDS + 0.1
    assert patience.may_look(WEST, later)
    assert patience.may_look(WEST, later + 0.15)


@pytest.fixture
def suspicion() -> Iterator[Suspicion]:
    one = Suspicion(config(), Ends("127.0.0.1", 0))
    yield one
    one.ends.close()


def tell(suspicion: Suspicion, *lines: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for line in lines:
            sock.sendto(line.encode(), suspicion.ends.socket.getsockname())


def test_short_sessions_of_clients_say_where_to_look(suspicion: Suspicion) -> None:
    tell(suspicion, *[f"{BACKEND} {node} {CLIENT} 2600 4000" for node in ("east-1", "west-1") * KNOWN])
    assert suspicion.look(1.0) == []
    tell(suspicion, f"{BACKEND} west-1 {CLIENT} 600 90", f"{BACKEND} west-1 {CLIENT} 600 90")
    assert suspicion.look(2.0) == [WEST]
    tell(suspicion, f"{BACKEND} west-1 {CLIENT} 600 90")
    assert suspicion.look(2.05) == [], "it has just been looked at"
    suspicion.heed([Result(WEST, False, "421")])
    tell(suspicion, f"{BACKEND} west-1 {CLIENT} 600 90")
    assert suspicion.look(2.06) == [WEST]


def test_own_probes_and_what_is_not_known_say_nothing(suspicion: Suspicion) -> None:
    tell(
        suspicion,
        f"{BACKEND} west-1 127.0.0.1 0 90",
        f"other west-1 {CLIENT} 517 0",
        f"{BACKEND} north-1 {CLIENT} 517 0",
        "nonsense",
    )
    assert suspicion.look(1.0) == []
