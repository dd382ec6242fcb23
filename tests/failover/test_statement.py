"""What nodes find failing, on the wire."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.decide import Statement
from failover.heartbeat import MAXIMUM_BYTES, Heartbeat, decode, encode
from failover.report import MOST_BYTES as MOST_REPORT_BYTES
from failover.statement import MOST_BYTES, decode_statement, encode_statement

NAMES = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=63)


@given(st.builds(Statement, st.frozensets(NAMES), st.booleans(), st.booleans()))
def test_it_is_read_as_it_was_said_or_as_a_part_of_that(said: Statement) -> None:
    body = encode_statement(said)
    assert len(body) <= MOST_BYTES
    read = decode_statement(body)
    assert read is not None
    assert read.entries == said.entries
    assert read.down <= said.down
    assert read.partial == (said.partial or read.down < said.down)


def test_regions_and_nodes_are_said_before_single_members() -> None:
    many = Statement(frozenset({"@east", "west-1", *(f"west-{number} entry orders" for number in range(99))}))
    read = decode_statement(encode_statement(many))
    assert read is not None
    assert {"@east", "west-1"} < read.down


def test_who_is_in_doubt_says_nothing() -> None:
    assert decode_statement(encode_statement(None)) is None


@given(st.binary(max_size=MOST_BYTES + 10))
def test_noise_says_nothing(body: bytes) -> None:
    assert decode_statement(body) is None


SOUND = {"down": ["a"], "entries": True, "partial": False}


@pytest.mark.parametrize(
    "wrong",
    [
        {"down": ["a", 1]},
        {"down": ["a", ""]},
        {"down": "a"},
        {"down": ["a\n"]},
        {"entries": 1},
        {"partial": None},
        {"down": ["a" * MOST_BYTES]},
    ],
)
def test_what_is_malformed_in_any_part_says_nothing(wrong: dict[str, object]) -> None:
    assert decode_statement(json.dumps(SOUND).encode()) == Statement(frozenset({"a"}))
    assert decode_statement(json.dumps(SOUND | wrong).encode()) is None
    for key in SOUND:
        assert decode_statement(json.dumps({one: SOUND[one] for one in SOUND if one != key}).encode()) is None


def test_what_a_newer_daemon_says_besides_is_passed_over() -> None:
    assert decode_statement(json.dumps(SOUND | {"more": 1}).encode()) == Statement(frozenset({"a"}))


def test_all_that_a_heartbeat_carries_fits_into_a_datagram() -> None:
    name = "n" * 63
    body = b"r" * MOST_REPORT_BYTES + b"\0" + b"s" * MOST_BYTES
    datagram = encode(b"s" * 32, Heartbeat(name, 1, 2, 3, body), name)
    assert len(datagram) <= MAXIMUM_BYTES
    assert decode(b"s" * 32, datagram, name) is not None
