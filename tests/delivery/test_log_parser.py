"""Lines of real Postfix 3.7 and 3.10 are understood whole, however they are stamped; nothing ever fails.

The corpora were written by Debian 12's and 13's Postfix against servers that defer, bounce, cut, reset and
stay silent; lines that differ in identifiers and times only are left out.
"""
# ruff: noqa: E501 - log lines are long

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.logs import LogParser
from delivery.logs.events import (
    Accepted,
    ConnectFailed,
    Delivery,
    Event,
    Expired,
    HostSaid,
    MessageId,
    Noted,
    Notified,
    Origin,
    Queued,
    Rejected,
    Removed,
    Session,
    Tls,
    TlsFailed,
    Trouble,
    Unknown,
)

CORPORA = sorted((Path(__file__).parent / "corpus").glob("*.log"))
NOW = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
AT = datetime(2026, 11, 23, 22, 30, 35, tzinfo=UTC).timestamp()
PREFIX = "Nov 23 22:30:35 east-1 "
QID = "4jYM5L3hZCz1Xk4R"


def parsed(text: str, tag: str = "postfix-orders/smtp[12]") -> Event:
    return LogParser(NOW).parse(f"{PREFIX}{tag}: {text}\n".encode())


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.stem)
def test_every_line_of_real_logs_is_understood(path: Path) -> None:
    parser = LogParser(NOW)
    events = [parser.parse(line) for line in path.read_bytes().splitlines(keepends=True)]
    assert not parser.unknown, [one for one in events if isinstance(one, Unknown)]
    kinds = Counter(type(one) for one in events)
    expected = {Delivery, Queued, Accepted, MessageId, Removed, Expired, Notified, ConnectFailed, Tls, Rejected,
                Session, Trouble, Noted}  # fmt: skip
    assert kinds.keys() >= expected
    deliveries = [one for one in events if isinstance(one, Delivery)]
    assert {one.status for one in deliveries} == {"sent", "deferred", "bounced"}
    assert all(len(one.delays_seconds) == 4 and one.dsn[0] in "245" for one in deliveries)
    assert all(one.text.count("(") <= one.text.count(")") + 1 for one in deliveries)


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.stem)
def test_a_receiver_cannot_forge_the_fields_of_a_line(path: Path) -> None:
    parser = LogParser(NOW)
    events = [parser.parse(line) for line in path.read_bytes().splitlines()]
    (evil,) = [one for one in events if isinstance(one, Delivery) and "evil" in one.recipient]
    assert (evil.relay, evil.status, evil.dsn) == ("127.0.0.1[127.0.0.1]:2510", "bounced", "5.7.1")
    assert evil.text.endswith("status=sent (250 ok (in reply to end of DATA command)")
    (odd,) = [one for one in events if isinstance(one, Delivery) and one.recipient.startswith('"')]
    assert odd.recipient == '"odd>, relay=x[1.2.3.4]:25, \\"q"@ok.example'
    assert odd.exchanger_address == "127.0.0.1"


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.stem)
def test_how_a_line_is_stamped_makes_no_difference(path: Path) -> None:
    for line in path.read_text().splitlines():
        plain = LogParser(NOW).parse(line)
        when = datetime.strptime(f"2026 {line[:15]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
        rest = line[15:]
        for stamp in (
            when.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00"),
            when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            when.strftime("%Y-%m-%dT%H:%M:%S+0000"),
            when.strftime("%b %d %H:%M:%S.000"),
            f"{when.timestamp():.6f}",
            f"<22>{line[:15]}",
        ):
            assert LogParser(NOW).parse(stamp + rest) == plain, stamp


def test_a_delivery_in_all_its_parts() -> None:
    event = parsed(
        f'{QID}: to=<someone@gmail.com>, orig_to=<"a, relay=x"@b.example>, relay=gmail-smtp-in.l.google.com[2a00:1450::1a]:25, '
        "conn_use=3, delay=85, delays=0.04/0.01/0.2/84.75, dsn=4.7.28, status=deferred (host said (so))",
        "postfix-orders/orders-1-google/smtp[77]",
    )
    assert isinstance(event, Delivery)
    assert event.at == AT
    assert event.origin == Origin("east-1", "postfix-orders", "orders-1-google", "smtp")
    assert (event.process, event.queue_id, event.recipient) == ("77", QID, "someone@gmail.com")
    assert (event.exchanger, event.exchanger_address) == ("gmail-smtp-in.l.google.com", "2a00:1450::1a")
    assert (event.connection_use, event.delay_seconds) == (3, 85.0)
    assert event.delays_seconds == (0.04, 0.01, 0.2, 84.75)
    assert (event.dsn, event.status, event.text) == ("4.7.28", "deferred", "host said (so)")


@pytest.mark.parametrize(
    ("tag", "text", "kind", "field", "value"),
    [
        ("postfix/smtp[1]", f"{QID}: host mx.example[192.0.2.1] said: 450 4.2.0 busy (in reply to RCPT TO command)", HostSaid, "queue_id", QID),
        ("postfix/smtp[1]", f"{QID}: lost connection with mx.example[192.0.2.1] while sending RCPT TO", HostSaid, "queue_id", QID),
        ("postfix/smtp[1]", f"{QID}: conversation with mx.example[2001:db8::1] timed out while sending MAIL FROM", HostSaid, "queue_id", QID),
        ("postfix/smtp[1]", f"{QID}: Cannot start TLS: handshake failure", TlsFailed, "text", "Cannot start TLS: handshake failure"),
        ("postfix/smtp[1]", "SSL_connect error to mx.example[192.0.2.1]:25: -1", TlsFailed, "process", "1"),
        ("postfix/smtp[1]", "connect to mx.example[2001:db8::1]:25: Network is unreachable", ConnectFailed, "peer", "mx.example[2001:db8::1]:25"),
        ("postfix/smtp[1]", "Trusted TLS connection reused to mx.example[192.0.2.1]:25: TLSv1.3 with cipher X", Tls, "trust", "Trusted"),
        ("postfix/smtp[1]", f"{QID}: enabling PIX workarounds: disable_esmtp for mx.example[192.0.2.1]:25", Noted, "queue_id", QID),
        ("postfix/qmgr[1]", "9A3F0B1C2D: from=<a@b.example>, size=4321, nrcpt=3 (queue active)", Queued, "recipients", 3),
        ("postfix/qmgr[1]", "9A3F0B1C2D: from=<\"x>, size=1, nrcpt=9\"@b.example>, size=4321, nrcpt=3 (queue active)", Queued, "size_bytes", 4321),
        ("postfix/qmgr[1]", "9A3F0B1C2D: from=<a@b.example>, status=expired, returned to sender", Expired, "sender", "a@b.example"),
        ("postfix/qmgr[1]", "9A3F0B1C2D: from=<a@b.example>, status=force-expired, returned to sender", Expired, "sender", "a@b.example"),
        ("postfix/qmgr[1]", "9A3F0B1C2D: removed", Removed, "queue_id", "9A3F0B1C2D"),
        ("postfix/bounce[1]", f"{QID}: sender delay notification: 4jYM5L4C8Xz1Xk4c", Notified, "notice_id", "4jYM5L4C8Xz1Xk4c"),
        ("postfix/cleanup[1]", f"{QID}: milter-reject: END-OF-MESSAGE from x[192.0.2.1]: 5.7.1 no; from=<a>", Rejected, "queue_id", QID),
        ("postfix/submission/smtpd[1]", f"{QID}: client=app[192.0.2.1], sasl_method=PLAIN, sasl_username=orders", Accepted, "user", "orders"),
        ("postfix/smtpd[1]", "NOQUEUE: reject: RCPT from x[192.0.2.1]: 554 5.7.1 no", Rejected, "queue_id", None),
        ("postfix/smtpd[1]", "timeout after DATA (0 bytes) from x[192.0.2.1]", Session, "client", "x[192.0.2.1]"),
        ("postfix/smtpd[1]", "disconnect from x[192.0.2.1] ehlo=1 quit=1 commands=2", Session, "client", "x[192.0.2.1]"),
        ("postfix/smtpd[1]", "warning: hostname x does not resolve to address 192.0.2.1", Trouble, "severity", "warning"),
        ("postfix/qmgr[1]", "fatal: out of memory", Trouble, "severity", "fatal"),
        ("postfix/smtp[1]", f"{QID}: warning: odd", Trouble, "severity", "warning"),
        ("postfix/anvil[1]", "statistics: max connection rate 1/60s for (smtp:192.0.2.1) at Nov 23 22:30:35", Noted, "process", "1"),
    ],
)  # fmt: skip
def test_other_lines(tag: str, text: str, kind: type, field: str, value: object) -> None:
    event = parsed(text, tag)
    assert isinstance(event, kind), event
    assert getattr(event, field) == value


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"nonsense",
        b"Nov 23 22:30:35 east-1 sshd[12]: Accepted publickey",
        b"Nov 23 22:30:35 east-1 postfix/smtp[12]: something new",
        b"Nov 33 22:30:35 east-1 postfix/qmgr[12]: 9A3F0B1C2D: removed",
        b"2026-13-23T22:30:35Z east-1 postfix/qmgr[12]: 9A3F0B1C2D: removed",
        b"Nov 23 22:30:35 east-1 postfix/smtp[12]: 9A3F0B1C2D: to=<a@b.example>, relay=none, delay=x, delays=0/0/0/0, dsn=4.0.0, status=deferred (x)",
        b"Nov 23 22:30:35 east-1 postfix/smtp[12]: 9A3F0B1C2D: to=<a@b.example>, relay=none, delay=1, del",
        b"]: ",
        b"1]: ",
        b"<22]: ",
    ],
)
def test_what_is_not_understood_is_counted(line: bytes) -> None:
    parser = LogParser(NOW)
    assert isinstance(parser.parse(line), Unknown)
    assert (parser.lines, parser.unknown.total()) == (1, 1)


def test_a_stamp_without_year_is_of_the_last_twelve_months() -> None:
    parser = LogParser(datetime(2027, 1, 2, tzinfo=UTC).timestamp())
    line = "{} 23:59:59 east-1 postfix/qmgr[12]: 9A3F0B1C2D: removed"
    december, january = parser.parse(line.format("Dec 31")), parser.parse(line.format("Jan  1"))
    assert isinstance(december, Removed)
    assert isinstance(january, Removed)
    assert datetime.fromtimestamp(december.at, UTC).year == 2026
    assert datetime.fromtimestamp(january.at, UTC).year == 2027


LINES = [line for path in CORPORA for line in path.read_bytes().splitlines()]


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(line: bytes) -> None:
    LogParser(NOW).parse(line)


@given(st.sampled_from(LINES), st.integers(0, 400), st.integers(0, 40), st.binary(max_size=12))
def test_no_damage_to_a_line_makes_it_fail(line: bytes, at: int, cut: int, put: bytes) -> None:
    parser = LogParser(NOW)
    parser.parse(line[:at] + put + line[at + cut :])
    assert parser.lines == 1
