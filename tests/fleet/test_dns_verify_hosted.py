"""Verification of a fleet on AWS: Route 53 publishes public addresses, name servers hold challenges only."""

from ipaddress import IPv4Address

import dns.exception
import dns.message
import pytest

import infra.dns_verify
from fleet.dns import DkimPublicKey, served_zones, zone_text
from fleet.dns.compare import Answer, Kind
from fleet.dns.hosted import PublicAddresses
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.dns_hosted import published_records
from infra.dns_verify import View, verify
from infra.sts_verify import Served, verify_policies
from tests.fleet.test_dns_verify import NameServer

KEY = DkimPublicKey("rsa", "A" * 392)
KEYS = {domain: {"s1": KEY, "s2": KEY} for domain in ("staging-shop.example", "staging-news.example")}
World = dict[tuple[str, str], Answer]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet.of(load_environment("staging"))


@pytest.fixture(scope="module")
def public(fleet: Fleet) -> dict[IPv4Address, IPv4Address]:
    private = [node.address for node in fleet.nodes] + [one.address for one in fleet.sending_addresses]
    return {address: IPv4Address("198.51.100.1") + number for number, address in enumerate(private)}


@pytest.fixture
def world(fleet: Fleet, public: PublicAddresses) -> World:
    """What a resolver answers while everything is as meant."""
    return {
        (one.name, one.type): Answer("NOERROR", one.values, one.ttl_seconds)
        for one in published_records(fleet, KEYS, public)
    }


@pytest.fixture
def views(
    fleet: Fleet, public: PublicAddresses, world: World, monkeypatch: pytest.MonkeyPatch
) -> tuple[View, ...]:
    return verified(fleet, public, world, monkeypatch)


def verified(
    fleet: Fleet, public: PublicAddresses, world: World, monkeypatch: pytest.MonkeyPatch
) -> tuple[View, ...]:
    monkeypatch.setattr(
        infra.dns_verify, "_system", lambda name, type_: world.get((name, type_), Answer("NXDOMAIN"))
    )
    own = NameServer({zone.name: zone_text(zone, 7) for zone in served_zones(fleet, KEYS)})
    addresses = {str(public[node.address]) for node in fleet.name_servers}

    def ask_server(server: str, name: str, type_: str) -> dns.message.Message:
        if server not in addresses:
            raise dns.exception.Timeout
        return own.answer(dns.message.make_query(name, type_))

    return verify(fleet, KEYS, [], ask_server, public)


def test_name_servers_are_asked_at_their_public_address_for_challenges_only(
    fleet: Fleet, public: PublicAddresses, views: tuple[View, ...]
) -> None:
    ireland, virginia, resolver, _includes = views
    assert virginia.name == f"ns-virginia.staging-fleet.example ({public[IPv4Address('10.20.0.11')]})"
    assert virginia.checked == ireland.checked == 2, "SOA and NS of the challenges' zone"
    assert not any(view.differences for view in views)
    assert resolver.checked > 80


def test_no_private_address_is_expected_anywhere(fleet: Fleet, public: PublicAddresses) -> None:
    for one in published_records(fleet, KEYS, public):
        assert not any("10.2" in value for value in one.values), one


def test_reverse_names_are_those_of_public_addresses(fleet: Fleet, public: PublicAddresses) -> None:
    pointers = [one for one in published_records(fleet, KEYS, public) if one.type == "PTR"]
    assert len(pointers) == len(public)
    assert pointers[0].name.endswith(".100.51.198.in-addr.arpa")


def test_a_node_taken_out_by_its_health_check_is_no_difference_and_a_strange_one_is(
    fleet: Fleet, public: PublicAddresses, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    steered = ("marketing.submit.staging-fleet.example", "A")
    all_of_them = world[steered].values
    world[steered] = Answer("NOERROR", frozenset(sorted(all_of_them)[1:]), 30)
    assert not any(view.differences for view in verified(fleet, public, world, monkeypatch))
    world[steered] = Answer("NOERROR", all_of_them | {"203.0.113.99"}, 30)
    found = [one for view in verified(fleet, public, world, monkeypatch) for one in view.differences]
    assert [(one.name, one.kind) for one in found] == [(steered[0], Kind.EXTRA)]


def test_a_private_address_in_the_worlds_eyes_is_a_difference(
    fleet: Fleet, public: PublicAddresses, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    helo = ("marketing-1.ireland-2.staging-fleet.example", "A")
    world[helo] = Answer("NOERROR", frozenset({"10.21.8.41"}), 300)
    found = [one for view in verified(fleet, public, world, monkeypatch) for one in view.differences]
    assert [(one.name, one.found) for one in found] == [(helo[0], "10.21.8.41")]


def test_policies_are_fetched_from_public_addresses(fleet: Fleet, public: PublicAddresses) -> None:
    asked: set[str] = set()

    def fetch(address: str, _host: str) -> Served:
        asked.add(address)
        raise OSError("not now")

    verify_policies(fleet, fetch, public=public)
    assert asked == {str(public[node.address]) for node in fleet.mta_nodes}
