"""Heartbeats: what counts as a sign of life and what does not."""

from hypothesis import given
from hypothesis import strategies as st

from failover.heartbeat import Correspondent, Heartbeat, decode, encode
from failover.report import decode_report, encode_report

SECRET = b"s" * 32
OWN_LIFE = 77


def beat(sequence: int = 1, life: int = 5, echo: int = OWN_LIFE, body: bytes = b"{}") -> Heartbeat:
    return Heartbeat("west-1", life, echo, sequence, body)


def test_what_is_sent_is_what_is_read() -> None:
    assert decode(SECRET, encode(SECRET, beat(), "east-1"), "east-1") == beat()


def test_a_datagram_for_another_node_or_with_another_secret_is_refused() -> None:
    datagram = encode(SECRET, beat(), "east-1")
    assert decode(SECRET, datagram, "east-2") is None
    assert decode(b"t" * 32, datagram, "east-1") is None


@given(st.integers(min_value=0, max_value=70), st.integers(min_value=1, max_value=255))
def test_one_changed_byte_is_refused(position: int, change: int) -> None:
    datagram = bytearray(encode(SECRET, beat(body=encode_report({"orders"})), "east-1"))
    datagram[position % len(datagram)] ^= change
    assert decode(SECRET, bytes(datagram), "east-1") is None


@given(st.binary(max_size=1500))
def test_noise_is_refused_quietly(datagram: bytes) -> None:
    assert decode(SECRET, datagram, "east-1") is None


def test_a_recording_counts_once() -> None:
    peer = Correspondent()
    assert peer.accept(beat(1), OWN_LIFE)
    assert not peer.accept(beat(1), OWN_LIFE)


def test_reordered_datagrams_count_within_the_window() -> None:
    peer = Correspondent()
    assert peer.accept(beat(100), OWN_LIFE)
    assert peer.accept(beat(98), OWN_LIFE)
    assert peer.accept(beat(99), OWN_LIFE)
    assert not peer.accept(beat(98), OWN_LIFE)
    assert not peer.accept(beat(36), OWN_LIFE)
    assert peer.accept(beat(37), OWN_LIFE)


@given(st.lists(st.integers(min_value=1, max_value=200), max_size=100))
def test_no_sequence_counts_twice(sequences: list[int]) -> None:
    peer = Correspondent()
    accepted = [number for number in sequences if peer.accept(beat(number), OWN_LIFE)]
    assert len(accepted) == len(set(accepted))


def test_a_recording_from_before_the_receivers_start_proves_nothing() -> None:
    peer = Correspondent()
    assert not peer.accept(beat(echo=OWN_LIFE - 1), OWN_LIFE)
    assert peer.life == 0


def test_a_life_that_was_left_behind_never_comes_back() -> None:
    peer = Correspondent()
    assert peer.accept(beat(9, life=5), OWN_LIFE)
    assert peer.accept(beat(1, life=6), OWN_LIFE)
    assert not peer.accept(beat(10, life=5), OWN_LIFE)
    assert peer.candidate_life == 6


def test_two_nodes_that_start_at_any_time_come_to_trust_each_other() -> None:
    east, west = Correspondent(), Correspondent()
    heard = []
    for sequence in (1, 2, 3):
        heard.append(east.accept(Heartbeat("west", 6, west.candidate_life, sequence, b"{}"), 5))
        heard.append(west.accept(Heartbeat("east", 5, east.candidate_life, sequence, b"{}"), 6))
    assert heard == [False, True, True, True, True, True]


def test_reports_survive_the_wire_and_damage_reports_nothing() -> None:
    assert decode_report(encode_report({"orders", "news"})).failing == {"orders", "news"}
    for damaged in (b"", b"[]", b"{}", b'{"failing": 3}', b"\xff", b"null"):
        assert decode_report(damaged).failing == frozenset()


@given(st.binary(max_size=100))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    decode_report(body)
