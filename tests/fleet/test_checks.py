"""Which node looks at what slowly."""

from collections import Counter
from ipaddress import IPv4Address

import pytest

from failover.checks.settings import read_checks
from failover.fields import Fields
from fleet.checks import check_settings, observers
from fleet.dns.model import Record, Zone
from fleet.spec.load import load_environment
from fleet.topology import Fleet

ZONES = (
    Zone(
        "fleet.example",
        "static",
        "ns-east.fleet.example",
        "hostmaster@fleet.example",
        300,
        (
            Record("fleet.example", "NS", "ns-east.fleet.example.", 300),
            Record("fleet.example", "NS", "ns-west.fleet.example.", 300),
            Record("mx-east-1.fleet.example", "A", "198.51.100.11", 300),
        ),
    ),
    Zone("submit.fleet.example", "steered", "ns-east.fleet.example", "h@fleet.example", 5, ()),
)


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return Fleet.of(load_environment("lab"))


def test_the_daemon_takes_what_it_is_given_and_others_are_given_nothing(lab: Fleet) -> None:
    for node in lab.mta_nodes:
        read = read_checks(Fields(check_settings(lab, node, ZONES, {}), "checks"))
        assert read.addresses.keys() == {str(one.address) for one in node.sending}
        assert {one.values for one in read.planned} == {
            ("198.51.100.11",),
            ("ns-east.fleet.example.", "ns-west.fleet.example."),
        }
        assert read.zones == ("fleet.example",)
    assert check_settings(lab, lab.witness, ZONES, {}) is None


def test_three_nodes_look_at_each_name_server_and_each_certificate(lab: Fleet) -> None:
    seen: Counter[str] = Counter()
    for node in lab.mta_nodes:
        settings = check_settings(lab, node, ZONES, {})
        assert settings is not None
        seen.update(one["name"] for one in settings["name_servers"])
        seen.update(f"{one['address']}:{one['port']}" for one in settings["certificates"])
    assert set(seen.values()) == {3}
    assert {"ns-east.fleet.example", "198.51.100.21:465", "203.0.113.12:25"} <= seen.keys()


def test_what_the_world_sees_is_looked_up_where_addresses_are_translated(lab: Fleet) -> None:
    own = lab.mta_nodes[0].sending[0]
    settings = check_settings(lab, lab.mta_nodes[0], (), {own.address: IPv4Address("192.0.2.99")})
    assert settings is not None
    assert settings["addresses"][str(own.address)]["public"] == "192.0.2.99"
    assert settings["name_servers"] == []


def test_observers_are_the_same_in_whatever_order_nodes_come() -> None:
    nodes = [f"n{number}" for number in range(9)]
    assert observers("ns-east", nodes) == observers("ns-east", nodes[::-1])
    assert len(observers("ns-east", nodes[:2])) == 2
