"""What counts as published as meant."""

import pytest

from fleet.dns import Zone
from fleet.dns.compare import Answer, Expected, Kind, canonical_answer_value, compare, expected_records
from fleet.dns.model import Record

A = Expected("a.example", "A", frozenset({"192.0.2.1", "192.0.2.2"}), 300)
STEERED = Expected("in.example", "A", frozenset({"192.0.2.1", "192.0.2.2"}), 5, steered=True)


def answer(*values: str, ttl: int = 300, status: str = "NOERROR") -> Answer:
    return Answer(status, frozenset(values), ttl if values else None)


@pytest.mark.parametrize(
    ("expected", "found", "kind"),
    [
        (A, answer("192.0.2.1", "192.0.2.2"), None),
        (A, answer("192.0.2.1"), Kind.MISSING),
        (A, answer("192.0.2.1", "192.0.2.2", "192.0.2.3"), Kind.EXTRA),
        (A, answer("192.0.2.1", "192.0.2.9"), Kind.DIFFERENT),
        (A, answer("192.0.2.1", "192.0.2.2", ttl=60), Kind.TTL),
        (A, answer(status="NXDOMAIN"), Kind.MISSING),
        (A, answer(status="SERVFAIL"), Kind.NO_ANSWER),
        (A, answer(status="no answer within 2 s"), Kind.NO_ANSWER),
        (STEERED, answer("192.0.2.1", ttl=5), None),
        (STEERED, answer(), Kind.MISSING),
        (STEERED, answer("192.0.2.1", "192.0.2.7", ttl=5), Kind.DIFFERENT),
        (STEERED, answer("192.0.2.1", ttl=300), Kind.TTL),
    ],
)
def test_an_answer_is_judged(expected: Expected, found: Answer, kind: Kind | None) -> None:
    difference = compare("ns", expected, found)
    assert (difference.kind if difference else None) == kind


def test_a_cached_answer_may_have_aged_but_not_outlive_its_ttl() -> None:
    assert compare("resolver", A, answer("192.0.2.1", "192.0.2.2", ttl=17), cached=True) is None
    difference = compare("resolver", A, answer("192.0.2.1", "192.0.2.2", ttl=3600), cached=True)
    assert difference is not None
    assert (difference.expected, difference.found) == ("300", "3600")


def test_a_difference_shows_both_sides() -> None:
    difference = compare("ns", A, answer("192.0.2.9"))
    assert difference is not None
    assert (difference.expected, difference.found) == ("192.0.2.1, 192.0.2.2", "192.0.2.9")
    nothing = compare("ns", A, answer(status="NXDOMAIN"))
    assert nothing is not None
    assert nothing.found == "NXDOMAIN"


def test_the_serial_is_not_compared() -> None:
    zone = Zone("example", "static", "ns.example", "post@example", 60, ())
    assert canonical_answer_value("SOA", zone.soa_value(1)) == canonical_answer_value(
        "SOA", zone.soa_value(2)
    )


def test_records_of_one_name_and_type_are_compared_together() -> None:
    records = (
        Record("in.example", "A", "192.0.2.2", 5),
        Record("in.example", "A", "192.0.2.1", 5),
        Record("in.example", "TXT", '"b" "c"', 300),
    )
    expected = expected_records([Zone("example", "steered", "ns.example", "post@example", 60, records)])
    assert [(one.name, one.type, one.steered) for one in expected] == [
        ("example", "SOA", False),
        ("in.example", "A", True),
        ("in.example", "TXT", False),
    ]
    assert expected[1].values == {"192.0.2.1", "192.0.2.2"}
