"""Policies are judged as senders judge them: text, certificate name, validity."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleet.dns import policy_text
from fleet.dns.compare import Kind
from fleet.topology import Fleet
from infra.sts_verify import Served, verify_policies

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOSTS = frozenset({"mta-sts.fleet.example", "mta-sts.bounce.shop.example", "mta-sts.bounce.news.example"})


@pytest.fixture
def good(lab_fleet: Fleet) -> Served:
    return Served(200, policy_text(lab_fleet, "testing"), HOSTS, NOW + timedelta(days=60))


def test_each_policy_is_fetched_from_each_node(lab_fleet: Fleet, good: Served) -> None:
    asked = []

    def fetch(address: str, host: str) -> Served:
        asked.append((address, host))
        return good

    view = verify_policies(lab_fleet, fetch, NOW)
    assert not view.differences
    assert view.checked == len(set(asked)) == 4 * 3
    assert {host for _address, host in asked} == HOSTS


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"status": 404}, "HTTP status 404"),
        ({"text": "version: STSv1\r\nmode: none\r\n"}, "version: STSv1 / mode: none"),
        ({"names": frozenset({"other.example"})}, "a certificate for other.example"),
        ({"names": frozenset()}, "a certificate for no name"),
        ({"expires": NOW + timedelta(hours=3)}, "a certificate that ends 2026-11-23 03:00 UTC"),
    ],
)
def test_what_is_wrong_is_said_of_the_node(
    lab_fleet: Fleet, good: Served, change: dict[str, object], found: str
) -> None:
    def fetch(address: str, host: str) -> Served:
        bad = address == "203.0.113.12" and host == "mta-sts.bounce.shop.example"
        return replace(good, **change) if bad else good  # type: ignore[arg-type]

    (difference,) = verify_policies(lab_fleet, fetch, NOW).differences
    assert difference.view == "policy at west-2 (203.0.113.12)"
    assert (difference.name, difference.kind, difference.found) == (
        "mta-sts.bounce.shop.example",
        Kind.DIFFERENT,
        found,
    )


def test_a_node_that_does_not_answer_is_a_difference(lab_fleet: Fleet) -> None:
    def refuse(_address: str, _host: str) -> Served:
        raise ConnectionRefusedError("connection refused")

    differences = verify_policies(lab_fleet, refuse, NOW).differences
    assert len(differences) == 12
    assert {one.kind for one in differences} == {Kind.NO_ANSWER}
