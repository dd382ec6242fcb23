"""The socketmap protocol: whatever arrives, in whatever pieces, is read rightly or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.router.errors import ProtocolError
from delivery.router.netstring import MOST_BYTES, Netstrings, netstring, split_request

contents = st.lists(st.binary(max_size=200), max_size=8)


@given(contents, st.data())
def test_contents_survive_any_cutting(wanted: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(netstring(one) for one in wanted)
    reader, found = Netstrings(), list[bytes]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == wanted


@given(st.lists(st.binary(max_size=5000), max_size=5))
def test_anything_is_read_or_refused_and_never_hoarded(pieces: list[bytes]) -> None:
    reader = Netstrings()
    try:
        for one in pieces:
            for content in reader.feed(one):
                assert len(content) <= MOST_BYTES
            assert len(reader._buffer) <= MOST_BYTES + 10
    except ProtocolError:
        pass


@given(st.text(st.characters(exclude_characters=" "), min_size=1), st.text())
def test_requests_are_split_at_the_first_space(name: str, key: str) -> None:
    try:
        content = f"{name} {key}".encode()
    except UnicodeEncodeError:  # lone surrogates are nobody's bytes
        return
    assert split_request(content) == (name, key)


@given(st.binary())
def test_keys_of_any_bytes_come_through(key: bytes) -> None:
    assert split_request(b"pool " + key)[1].encode("utf-8", "surrogateescape") == key


@pytest.mark.parametrize(
    "stream", [b"x", b":,", b"01:a,", b"4097:", b"99999", b"1:ab", b"-1:", b" 1:a,", b"1 :a,"]
)
def test_what_is_no_netstring_is_refused(stream: bytes) -> None:
    with pytest.raises(ProtocolError):
        Netstrings().feed(stream)


def test_a_request_without_key_is_refused() -> None:
    with pytest.raises(ProtocolError):
        split_request(b"transactional")
