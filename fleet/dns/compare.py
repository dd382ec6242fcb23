"""What name servers should answer, and how what they answered differs from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fleet.dns.model import Zone, canonical_value


@dataclass(frozen=True, slots=True)
class Expected:
    """All records of one name and type that a server should answer."""

    name: str
    type: str
    values: frozenset[str]
    """Canonical; a SOA without its serial."""
    ttl_seconds: int
    steered: bool = False
    """Failover may have taken some of `values` out, but never all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: `status` is `NOERROR`, `NXDOMAIN`, ..., or why there is no answer."""

    status: str
    values: frozenset[str] = frozenset()
    ttl_seconds: int | None = None


class Kind(StrEnum):
    """How an answer differs."""

    NO_ANSWER = "no answer"
    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"
    TTL = "TTL"


@dataclass(frozen=True, slots=True)
class Difference:
    """One name and type that is not as it should be; `view` is who was asked."""

    view: str
    name: str
    type: str
    kind: Kind
    expected: str
    found: str


def expected_records(zones: Iterable[Zone]) -> tuple[Expected, ...]:
    """Every name and type of the zones, the SOA included, in a stable order."""
    found: dict[tuple[str, str], tuple[set[str], int, bool]] = {}
    for zone in zones:
        soa = canonical_answer_value("SOA", zone.soa_value(0))
        found[zone.name, "SOA"] = ({soa}, zone.negative_ttl_seconds, False)
        for record in zone.records:
            steered = zone.kind == "steered" and record.type == "A"
            values, _, _ = found.setdefault((record.name, record.type), (set(), record.ttl_seconds, steered))
            values.add(canonical_value(record.type, record.value))
    return tuple(
        Expected(name, type_, frozenset(values), ttl, steered)
        for (name, type_), (values, ttl, steered) in sorted(found.items())
    )


def canonical_answer_value(type_: str, value: str) -> str:
    """The value in the form of `Expected.values`; the serial of a SOA is no content."""
    canonical = canonical_value(type_, value)
    if type_ != "SOA":
        return canonical
    fields = canonical.split()
    return " ".join([*fields[:2], *fields[3:]])


def compare(view: str, expected: Expected, answer: Answer, *, cached: bool = False) -> Difference | None:
    """How `answer` differs from what was expected; None when it does not.

    `cached` answers may have lived a while: their TTL only must not be above the expected one.
    """
    kind = _kind(expected, answer, cached=cached)
    if kind is None:
        return None
    if kind is Kind.TTL:
        return Difference(
            view, expected.name, expected.type, kind, str(expected.ttl_seconds), str(answer.ttl_seconds)
        )
    found = _listed(answer.values) if answer.values else answer.status
    return Difference(view, expected.name, expected.type, kind, _listed(expected.values), found)


def _kind(expected: Expected, answer: Answer, *, cached: bool) -> Kind | None:
    if answer.status not in ("NOERROR", "NXDOMAIN"):
        return Kind.NO_ANSWER
    if not answer.values:
        return Kind.MISSING
    if expected.steered and answer.values <= expected.values:
        pass
    elif answer.values != expected.values:
        if answer.values < expected.values:
            return Kind.MISSING
        return Kind.EXTRA if answer.values > expected.values else Kind.DIFFERENT
    ttl = answer.ttl_seconds
    wrong = ttl is not None and (ttl > expected.ttl_seconds if cached else ttl != expected.ttl_seconds)
    return Kind.TTL if wrong else None


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))
