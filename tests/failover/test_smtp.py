"""One SMTP session as a probe: no sockets, and the clock in the test's hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.smtp import Phase, Replies, SmtpProbe


def probe(*, persistent: bool = True) -> SmtpProbe:
    return SmtpProbe(
        helo="east-1",
        persistent=persistent,
        step_timeout_seconds=1.0,
        noop_interval_seconds=0.1,
        noop_timeout_seconds=0.2,
        deadline=1.0,
    )


def ready() -> SmtpProbe:
    one = probe()
    one.connected(0.0)
    one.received(b"220 west-1 ESMTP\r\n", 0.0)
    one.received(b"250-west-1\r\n250 8BITMIME\r\n", 0.0)
    assert one.take_output() == b"EHLO east-1\r\n"
    return one


def test_a_fresh_session_ends_with_the_reply_to_ehlo() -> None:
    one = probe(persistent=False)
    one.connected(0.0)
    one.received(b"220-hello\r\n220 west-1 ESMTP\r\n", 0.1)
    one.received(b"250-west-1\r\n", 0.2)
    assert not one.closing
    one.received(b"250 PIPELINING\r\n", 0.2)
    assert (one.succeeded, one.failure, one.closing) == (True, None, True)
    assert one.take_output().endswith(b"QUIT\r\n")


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"421 4.3.2 too busy\r\n", "it answered '421 4.3.2 too busy' while waiting for the banner"),
        (b"554 no\r\n", "it answered '554 no' while waiting for the banner"),
        (b"HTTP/1.1 200 OK\r\n", "it answered something that is not SMTP while waiting for the banner"),
        (b"x" * 5000, "it answered something that is not SMTP while waiting for the banner"),
    ],
)
def test_a_wrong_banner_is_a_failure_that_quotes_it(said: bytes, failure: str) -> None:
    one = probe(persistent=False)
    one.connected(0.0)
    one.received(said, 0.1)
    assert (one.succeeded, one.failure) == (False, failure)


def test_each_step_has_its_own_deadline() -> None:
    one = probe()
    one.tick(0.9)
    one.connected(0.9)
    one.tick(1.8)
    assert not one.closing
    one.tick(1.9)
    assert one.failure == "no answer within 1000 ms while waiting for the banner"


def test_noop_goes_out_each_interval_and_good_replies_are_counted() -> None:
    one = ready()
    for count in range(1, 6):
        now = count / 10
        one.tick(now)
        assert one.take_output() == b"NOOP\r\n"
        one.received(b"250 2.0.0 Ok\r\n", now + 0.01)
    assert (one.good, one.bad) == (5, 0)


def test_a_peer_that_hangs_is_seen_after_one_deadline_and_then_each_interval_counts() -> None:
    one = ready()
    one.tick(0.1)
    assert one.take_output() == b"NOOP\r\n"
    found = []
    for hundredth in range(11, 52):
        one.tick(hundredth / 100)
        if one.bad:
            found.append((hundredth / 100, one.bad))
            one.bad = 0
    assert found == [(0.3, 1), (0.4, 1), (0.5, 1)]
    assert one.bad_reason == "no reply to NOOP within 200 ms"
    assert one.stuck_since == 0.1


def test_never_more_than_one_command_waits_for_its_answer() -> None:
    one = ready()
    for tenth in range(1, 30):
        one.tick(tenth / 10)
    assert one.take_output() == b"NOOP\r\n"
    one.received(b"250 Ok\r\n", 3.0)
    one.tick(3.0)
    assert one.take_output() == b"NOOP\r\n"


def test_a_late_answer_is_no_success_and_no_second_failure() -> None:
    one = ready()
    one.tick(0.1)
    one.tick(0.3)
    one.received(b"250 Ok\r\n", 0.35)
    assert (one.good, one.bad) == (0, 1)
    assert one.stuck_since is None


def test_an_answer_that_is_seen_too_late_is_a_failure() -> None:
    one = ready()
    one.tick(0.1)
    one.received(b"250 Ok\r\n", 0.31)
    assert (one.good, one.bad) == (0, 1)


def test_a_slow_peer_within_its_deadline_is_good() -> None:
    one = ready()
    for tenth in range(1, 20, 2):
        one.tick(tenth / 10)
        one.tick((tenth + 1) / 10)
        one.received(b"250 Ok\r\n", tenth / 10 + 0.15)
    assert (one.good, one.bad) == (10, 0)


def test_421_on_a_living_session_ends_it() -> None:
    one = ready()
    one.tick(0.1)
    one.received(b"421 4.4.2 timeout\r\n", 0.15)
    assert one.failure == "it answered '421 4.4.2 timeout' while answering NOOP"


def test_a_reply_that_nobody_asked_for_ends_the_session() -> None:
    one = ready()
    one.received(b"250 Ok\r\n", 0.05)
    assert one.failure is not None


def test_a_faster_pace_begins_at_once_and_a_slower_one_with_the_next_noop() -> None:
    one = ready()
    one.pace(0.5, 0.0)
    one.tick(0.0)
    one.received(b"250 Ok\r\n", 0.05)
    one.tick(0.1)
    assert one.noops_sent == 1
    one.pace(0.1, 0.2)
    one.tick(0.2)
    assert one.noops_sent == 2


def test_only_the_first_reason_for_an_end_is_kept() -> None:
    one = probe()
    one.lost("connection refused")
    one.lost("the peer closed the connection")
    assert one.failure == "connection refused while connecting"
    assert one.phase is Phase.CLOSED


@given(st.lists(st.sampled_from(["220 a", "250-b", "250 c", "421 d", "250"]), max_size=8), st.data())
def test_replies_do_not_depend_on_how_the_stream_is_cut(lines: list[str], data: st.DataObject) -> None:
    stream = "".join(f"{line}\r\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(min_value=0, max_value=len(stream)), max_size=5)))
    whole, pieces = Replies(), Replies()
    found = [
        line
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for line in pieces.feed(stream[start:end])
    ]
    assert found == whole.feed(stream)
    assert not pieces.broken


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_no_input_breaks_a_probe(chunks: list[bytes]) -> None:
    one = ready()
    for number, chunk in enumerate(chunks):
        one.tick(number / 10)
        one.received(chunk, number / 10)
    assert one.good + one.bad <= one.noops_sent + len(chunks)
