"""What nodes say of themselves on the wire: bounded, versioned, all of it or nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.decide import QueueFigures, Vitals
from failover.heartbeat import MAXIMUM_BYTES, Heartbeat, decode, encode
from failover.report import MOST_BYTES, Report, decode_report, encode_report

FIGURES = Vitals(81, 12, 30, 5_184_000, {"orders": QueueFigures(3, 0, 1200)}, {"news": "198.51.100.41"})
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63)
WHOLE = st.integers(0, 2**31)
VITALS = st.builds(
    Vitals,
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 100),
    st.none() | WHOLE,
    st.none() | st.integers(-(2**31), 2**31),
    st.dictionaries(NAMES, st.builds(QueueFigures, WHOLE, WHOLE, st.none() | WHOLE), max_size=30),
    st.dictionaries(NAMES, st.ip_addresses(v=4).map(str), max_size=30),
    st.dictionaries(NAMES, st.text(max_size=200), max_size=30),
)


def test_what_is_said_is_what_is_read() -> None:
    assert decode_report(encode_report({"orders"}, FIGURES)) == Report(frozenset({"orders"}), FIGURES)


@given(st.frozensets(NAMES, max_size=40), VITALS)
def test_a_report_of_any_size_fits_and_says_nothing_wrong(failing: frozenset[str], vitals: Vitals) -> None:
    body = encode_report(failing, vitals)
    beat = Heartbeat("n" * 63, 1, 2, 3, body)
    datagram = encode(b"s" * 32, beat, "east-1")
    assert len(body) <= MOST_BYTES
    assert len(datagram) <= MAXIMUM_BYTES
    assert decode(b"s" * 32, datagram, "east-1") == beat
    read = decode_report(body)
    assert not read.refused
    assert read.failing <= failing
    if read.vitals is not None:
        assert read.vitals[:4] == vitals[:4]
        assert read.vitals.queues.items() <= vitals.queues.items()
        assert read.vitals.shut.items() <= vitals.shut.items()
        assert read.vitals.lost.keys() <= vitals.lost.keys()


def test_of_many_queues_those_that_are_stuck_are_told_first() -> None:
    queues = {f"pool-{number:02}-{'x' * 40}": QueueFigures(number, 0, 7) for number in range(40)}
    queues["zz-stuck"] = QueueFigures(0, 900, 7)
    read = decode_report(encode_report((), Vitals(queues=queues)))
    assert read.vitals is not None
    assert read.vitals.queues["zz-stuck"].untaken_seconds == 900
    assert 1 < len(read.vitals.queues) < len(queues)


def test_daemons_of_other_versions_understand_each_other() -> None:
    before = b'{"failing":["orders"]}'
    assert decode_report(before) == Report(frozenset({"orders"}), None)
    after = b'{"failing":["orders"],"v":4,"disk":"plenty","moods":[]}'
    assert decode_report(after) == Report(frozenset({"orders"}), None)
    assert json.loads(encode_report({"orders"}, FIGURES))["failing"] == ["orders"]
    assert encode_report({"orders"}) == before


def test_only_a_report_of_lost_canaries_is_of_the_newer_version() -> None:
    assert json.loads(encode_report((), FIGURES))["v"] == 2
    lost = FIGURES._replace(lost={"orders": "a message to orders did not arrive within 60 s"})
    body = encode_report((), lost)
    assert json.loads(body)["v"] == 3
    assert decode_report(body).vitals == lost


@pytest.mark.parametrize(
    "wrong",
    [
        {"disk": 101},
        {"disk": True},
        {"disk": 3.5},
        {"lag": -1},
        {"cert": "soon"},
        {"queues": []},
        {"queues": {"orders": [1, 2]}},
        {"queues": {"orders": [1, 2, 3, 4]}},
        {"queues": {"orders": [1, None, 3]}},
        {"queues": {"": [1, 2, 3]}},
        {"queues": {str(number): [0, 0, 0] for number in range(65)}},
        {"shut": {"orders": "everywhere"}},
        {"lost": {"orders": 7}},
        {"shut": {"orders\n": "192.0.2.1"}},
        {"failing": [3]},
        {"failing": ["x" * 129]},
        {"failing": ["\ud800"]},
        {"v": 0},
        {"v": "2"},
        {"mood": "good"},
    ],
)
def test_one_wrong_part_and_nothing_counts(wrong: dict[str, object]) -> None:
    good = json.loads(encode_report({"orders"}, FIGURES))
    assert not decode_report(json.dumps(good, separators=(",", ":")).encode()).refused
    body = json.dumps(good | wrong, separators=(",", ":")).encode()
    assert decode_report(body) == Report(refused=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
)


@given(st.binary(max_size=1000) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    read = decode_report(body)
    assert not read.refused or read == Report(refused=True)


@given(
    st.dictionaries(
        st.sampled_from(["failing", "v", "disk", "cpu", "lag", "cert", "queues", "shut", "lost"]), JSON
    )
)
def test_known_keys_with_any_values_are_taken_whole_or_not_at_all(value: dict[str, object]) -> None:
    read = decode_report(json.dumps({"failing": [], "v": 2} | value).encode())
    assert read.refused or read.vitals is None or encode_report(read.failing, read.vitals)
