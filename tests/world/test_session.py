from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.world.commands import parse_command, parse_path, reply_bytes
from lab.world.session import Message, Session, Then, Tls, unstuff

TLS = Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384")


class FakeHost:
    """A provider that takes everything, except what its fields say."""

    def __init__(self) -> None:
        self.enhanced_codes = True
        self.tls_required = False
        self.messages_per_session = 100
        self.session_refusal: str | None = "421 4.7.0 Enough"
        self.mail_refusal: str | None = None
        self.gone: set[str] = set()
        self.undecided = False
        self.received: list[Message] = []

    def refuse_session(self, source: str) -> str | None:
        return self.session_refusal

    def refuse_mail(self, source: str) -> str | None:
        return self.mail_refusal

    def refuse_recipient(self, source: str, sender: str, recipient: str) -> str | None:
        return "550 5.1.1 Unknown" if recipient in self.gone else None

    def refuse_without_tls(self) -> str:
        return "530 5.7.0 STARTTLS first"

    def decide(self, message: Message) -> str | None:
        self.received.append(message)
        return None if self.undecided else "250 2.0.0 Accepted"


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def session(host: FakeHost) -> Session:
    return Session(host, "198.51.100.21")


def say(session: Session, *lines: str) -> list[str]:
    reply, _ = session.receive("".join(f"{line}\r\n" for line in lines).encode())
    return reply.decode().splitlines()


def codes(lines: list[str]) -> list[str]:
    return [line[:3] for line in lines if line[3:4] == " "]


def test_a_pipelined_transaction_is_answered_in_order(session: Session, host: FakeHost) -> None:
    say(session, "EHLO mail.fleet.example")
    replies = say(session, "MAIL FROM:<a@shop.example> SIZE=12", "RCPT TO:<b@gmail.com>", "DATA")
    assert codes(replies) == ["250", "250", "354"]
    assert codes(say(session, "Subject: x", "", "body", ".", "QUIT")) == ["250", "221"]
    assert host.received == [
        Message(
            "198.51.100.21",
            "mail.fleet.example",
            None,
            "a@shop.example",
            ("b@gmail.com",),
            b"Subject: x\r\n\r\nbody\r\n",
        )
    ]


def test_features_offered_depend_on_tls_and_on_the_providers_habits(session: Session, host: FakeHost) -> None:
    plain = " ".join(say(session, "EHLO a.example"))
    assert all(
        word in plain for word in ("STARTTLS", "PIPELINING", "8BITMIME", "SIZE", "ENHANCEDSTATUSCODES")
    )
    session.secured(TLS)
    host.enhanced_codes = False
    secured = " ".join(say(session, "EHLO a.example"))
    assert "STARTTLS" not in secured
    assert "ENHANCEDSTATUSCODES" not in secured
    assert say(session, "NOOP") == ["250 OK"]


def test_mail_is_refused_in_clear_where_tls_is_demanded(session: Session, host: FakeHost) -> None:
    host.tls_required = True
    assert codes(say(session, "EHLO a.example", "MAIL FROM:<a@shop.example>"))[-1] == "530"
    reply, then = session.receive(b"STARTTLS\r\n")
    assert reply.startswith(b"220")
    assert then is Then.START_TLS
    session.secured(TLS)
    assert codes(say(session, "MAIL FROM:<a@shop.example>")) == ["503"]
    assert codes(say(session, "EHLO a.example", "MAIL FROM:<a@shop.example>"))[-1] == "250"


def test_what_came_in_clear_behind_starttls_is_never_obeyed(session: Session, host: FakeHost) -> None:
    say(session, "EHLO a.example")
    session.receive(b"STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n")
    session.secured(TLS)
    assert codes(say(session, "EHLO a.example", "RCPT TO:<b@gmail.com>"))[-1] == "503"


def test_a_421_ends_the_session(session: Session, host: FakeHost) -> None:
    host.mail_refusal = "421 4.7.0 Slow down"
    say(session, "EHLO a.example")
    reply, then = session.receive(b"MAIL FROM:<a@shop.example>\r\n")
    assert reply == b"421 4.7.0 Slow down\r\n"
    assert then is Then.CLOSE


def test_the_session_limit_is_told_or_the_connection_just_closes(host: FakeHost) -> None:
    host.messages_per_session = 1
    transaction = b"MAIL FROM:<a@shop.example>\r\nRCPT TO:<b@gmail.com>\r\nDATA\r\nx\r\n.\r\n"
    told = Session(host, "198.51.100.21")
    reply, then = told.receive(b"EHLO a\r\n" + transaction)
    assert then is Then.READ
    assert told.receive(b"MAIL FROM:<a@shop.example>\r\n") == (b"421 4.7.0 Enough\r\n", Then.CLOSE)
    host.session_refusal = None
    reply, then = Session(host, "198.51.100.21").receive(b"EHLO a\r\n" + transaction)
    assert reply.endswith(b"250 2.0.0 Accepted\r\n")
    assert then is Then.CLOSE


def test_a_decision_may_come_later_and_what_follows_waits_for_it(session: Session, host: FakeHost) -> None:
    host.undecided = True
    say(session, "EHLO a.example", "MAIL FROM:<a@shop.example>", "RCPT TO:<b@gmail.com>", "DATA")
    reply, then = session.receive(b"x\r\n.\r\nQUIT\r\n")
    assert (reply, then) == (b"", Then.AWAIT_DECISION)
    assert session.pending == host.received[0]
    reply, then = session.decided("550 5.7.26 Unauthenticated")
    assert codes(reply.decode().splitlines()) == ["550", "221"]
    assert then is Then.CLOSE


def test_an_unknown_mailbox_does_not_spoil_the_others(session: Session, host: FakeHost) -> None:
    host.gone = {"unknown-1@gmail.com"}
    say(session, "EHLO a.example")
    replies = say(
        session, "MAIL FROM:<>", "RCPT TO:<unknown-1@gmail.com>", "RCPT TO:<b@gmail.com>", "DATA", "x", "."
    )
    assert codes(replies) == ["250", "550", "250", "354", "250"]
    assert host.received[0].recipients == ("b@gmail.com",)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["MAIL FROM:<a@shop.example>"], "503"),
        (["EHLO"], "501"),
        (["EHLO a", "RCPT TO:<b@gmail.com>"], "503"),
        (["EHLO a", "MAIL FROM:<a@shop.example>", "DATA"], "503"),
        (["EHLO a", "MAIL FROM:<a@shop.example>", "MAIL FROM:<a@shop.example>"], "503"),
        (["EHLO a", "MAIL a@shop.example"], "501"),
        (["EHLO a", "MAIL FROM:<a@shop.example> SMTPUTF8"], "555"),
        (["EHLO a", "MAIL FROM:<a@shop.example> SIZE=99999999999"], "552"),
        (["EHLO a", "MAIL FROM:<a@shop.example>", "RCPT TO:<>"], "501"),
        (["EHLO a", "STARTTLS now"], "501"),
        (["EHLO a", "EXPN list"], "502"),
        (["EHLO a", "\x00\x01"], "502"),
    ],
)
def test_commands_out_of_order_or_malformed(session: Session, lines: list[str], code: str) -> None:
    assert codes(say(session, *lines))[-1] == code


@given(st.binary(max_size=300))
@example(b"MAIL FROM:<a@b> SIZE=1\r\n")
def test_command_parsing_is_total(line: bytes) -> None:
    command = parse_command(line)
    assert command.verb == command.verb.upper()
    for verb in ("MAIL", "RCPT"):
        path = parse_path(verb, command.argument)
        assert path is None or "\n" not in path.mailbox


_MAILBOX = st.from_regex(r"[a-z0-9+._-]{1,20}@[a-z0-9-]{1,20}\.example", fullmatch=True)


@given(mailbox=_MAILBOX, size=st.integers(0, 10**9))
def test_well_formed_paths_are_understood(mailbox: str, size: int) -> None:
    path = parse_path("MAIL", f"from:<{mailbox}> SIZE={size} BODY=8BITMIME".encode())
    assert path is not None
    assert path.mailbox == mailbox
    assert path.domain == mailbox.rpartition("@")[2]
    assert path.parameters == {"SIZE": str(size), "BODY": "8BITMIME"}


@given(st.lists(st.binary(max_size=200), max_size=20), st.booleans())
def test_any_bytes_keep_the_session_in_a_defined_state(chunks: list[bytes], secured: bool) -> None:
    session = Session(FakeHost(), "198.51.100.21")
    if secured:
        session.secured(TLS)
    for chunk in chunks:
        reply, then = session.receive(chunk)
        assert all(line[:3].isdigit() for line in reply.splitlines())
        if then is not Then.READ:
            break


_CONTENT = st.lists(
    st.sampled_from([b"", b".", b"..", b"a", b".a", b"\rb", b"c\n", b"word " * 30]), max_size=10
)


@given(lines=_CONTENT, cuts=st.lists(st.integers(0, 400), max_size=5))
def test_content_arrives_whole_however_it_is_cut_up(lines: list[bytes], cuts: list[int]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    stream = (
        b"EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n" + stuffed + b".\r\nQUIT\r\n"
    )
    host = FakeHost()
    session = Session(host, "198.51.100.21")
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    for begin, end in pairwise(places):
        _, then = session.receive(stream[begin:end])
    assert then is Then.CLOSE
    assert [message.content for message in host.received] == [content]
    assert unstuff(stuffed) == content


@pytest.mark.parametrize("text", ["421 one", "554 one\n554 two\n554 three"])
def test_replies_of_several_lines_have_hyphens_but_for_the_last(text: str) -> None:
    lines = reply_bytes(text).decode().splitlines()
    assert [line[3] for line in lines] == ["-"] * (len(lines) - 1) + [" "]
    assert [line[4:] for line in lines] == [line[4:] for line in text.splitlines()]
