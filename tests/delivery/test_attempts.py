"""Deliveries in a log become attempts: on which path, how they ended, what the reply means."""
# ruff: noqa: E501 - log lines are long

from datetime import UTC, datetime
from pathlib import Path as File

import pytest

from delivery.logs import Attempts, LogParser
from delivery.logs.events import Delivery
from delivery.model import LOCAL_WAIT_TEXT, Attempt, Category, Outcome, Path
from delivery.replies import classify
from fleet.catalogue import Catalogue

NOW = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
GOOGLE = Path("10.0.0.5", "google")
GMX = Path("10.0.0.5", "gmx")
CATALOGUE = Catalogue.load()
MAKER = Attempts(
    "east-1",
    {"orders-1-google": ("orders", GOOGLE), "orders-1-gmx": ("orders", GMX)},
    lambda domain: CATALOGUE.match_domain(domain).isp,
    classify,
)
CORPORA = sorted((File(__file__).parent / "corpus").glob("*.log"))


def attempt(
    text: str, *, status: str = "deferred", label: str = "orders-1-google/", program: str = "smtp"
) -> Attempt | None:
    event = LogParser(NOW).parse(
        f"Nov 23 22:30:35 east-1 postfix-orders/{label}{program}[1]: 9A3F0B1C2D: to=<x@Gmail.com>, "
        f"relay=mx.example[192.0.2.1]:25, delay=5.5, delays=1/2/1/1.5, dsn=4.0.0, status={status} ({text})"
    )
    assert isinstance(event, Delivery)
    return MAKER.of(event)


def test_a_refusal_has_its_meaning() -> None:
    found = attempt(
        "host mx.example[192.0.2.1] said: 421-4.7.28 an unusual rate of mail 421 4.7.28 from your IP address 10.1.1.1 (in reply to MAIL FROM command)"
    )
    assert found is not None
    assert (found.node, found.pool, found.path, found.outcome) == (
        "east-1",
        "orders",
        GOOGLE,
        Outcome.DEFERRED,
    )
    assert (found.recipient_domain, found.exchanger, found.age_seconds) == ("gmail.com", "mx.example", 5.5)
    assert found.reply is not None
    assert (found.reply.code, found.reply.enhanced) == (421, "4.7.28")
    assert found.meaning is not None
    assert found.meaning.rule == "google/rate-of-address"


def test_what_was_delivered_has_none() -> None:
    found = attempt("250 2.0.0 OK", status="sent")
    assert found is not None
    assert (found.outcome, found.reply, found.meaning) == (Outcome.DELIVERED, None, None)


def test_a_bounce() -> None:
    found = attempt(
        "host mx.example[192.0.2.1] said: 550 5.1.1 The email account that you tried to reach does not exist",
        status="bounced",
    )
    assert found is not None
    assert found.outcome is Outcome.BOUNCED
    assert found.meaning is not None
    assert found.meaning.category is Category.UNKNOWN_RECIPIENT


@pytest.mark.parametrize(
    "text",
    [
        f"{LOCAL_WAIT_TEXT}the address rests",
        "delivery temporarily suspended: connect to mx.example[192.0.2.1]:25: Connection refused",
    ],
)
def test_nobody_was_asked(text: str) -> None:
    found = attempt(text, label="", program="error")
    assert found is not None
    assert (found.outcome, found.reply, found.meaning) == (Outcome.WAITED, None, None)
    assert (found.pool, found.path) == ("orders", Path("", "google"))


@pytest.mark.parametrize(
    ("status", "label", "program"),
    [
        ("sent", "", "smtp"),  # a hand-over to a peer, or mail for the fleet itself
        ("sent", "", "local"),
        ("bounced", "", "error"),
        ("deferred", "", "error"),
        ("undeliverable", "orders-1-google/", "smtp"),  # an address probe
    ],
)
def test_what_says_nothing_of_receivers_is_no_attempt(status: str, label: str, program: str) -> None:
    assert attempt("whatever", status=status, label=label, program=program) is None


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.stem)
def test_real_logs_become_attempts(path: File) -> None:
    parser = LogParser(NOW)
    events = [parser.parse(line) for line in path.read_bytes().splitlines()]
    found = [one for event in events if isinstance(event, Delivery) and (one := MAKER.of(event))]
    assert {one.meaning.rule for one in found if one.meaning} == {"google/rate-of-address", "gmx/blocked"}
    waited = {one.recipient_domain for one in found if one.outcome is Outcome.WAITED}
    # Postfix itself had given the senders' own domain up for a while; the route of `wait.example` says "not
    # yet", but for the first run, where it was written wrongly and the line is another one.
    assert waited - {"wait.example"} == {"app.example"}
    assert ("wait.example" in waited) == (path.stem != "postfix-3.10-long-ids")
