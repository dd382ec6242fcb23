"""What a DNS host publishes for a fleet behind translated addresses."""

from datetime import date
from ipaddress import IPv4Address

import pytest

from fleet.dns.hosted import HostedZone, RecordSet, hosted_zones
from fleet.dns.model import DkimPublicKey, txt_text
from fleet.dns.spf import lookup_terms, named_addresses
from fleet.dns.zones import spf_parts
from fleet.spec.load import load_environment
from fleet.spec.models import Environment
from fleet.topology import Fleet

AS_OF = date(2026, 11, 23)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet.of(load_environment("staging", AS_OF))


@pytest.fixture(scope="module")
def zones(fleet: Fleet) -> dict[str, HostedZone]:
    return {zone.name: zone for zone in hosted_zones(fleet)}


@pytest.fixture(scope="module")
def public(fleet: Fleet) -> dict[IPv4Address, IPv4Address]:
    private = [node.address for node in fleet.nodes] + [one.address for one in fleet.sending_addresses]
    return {address: IPv4Address("198.51.100.1") + 3 * number for number, address in enumerate(private)}


def one(zone: HostedZone, name: str, type_: str) -> RecordSet:
    (found,) = (each for each in zone.sets if (each.name, each.type) == (name, type_))
    return found


def test_helo_names_show_the_public_address(
    fleet: Fleet, zones: dict[str, HostedZone], public: dict[IPv4Address, IPv4Address]
) -> None:
    for sending in fleet.sending_addresses:
        found = one(zones["staging-fleet.example"], sending.name, "A")
        assert found.published(public) == (str(public[sending.address]),)


def test_no_private_address_is_published(
    zones: dict[str, HostedZone], public: dict[IPv4Address, IPv4Address]
) -> None:
    for zone in zones.values():
        for each in zone.sets:
            assert not any("10.2" in value for value in each.published(public)), each.name


def test_spf_names_the_public_addresses_of_the_domains_pools(
    fleet: Fleet, zones: dict[str, HostedZone], public: dict[IPv4Address, IPv4Address]
) -> None:
    found = one(zones["staging-news.example"], "staging-news.example", "TXT")
    (value,) = found.published(public)
    expected = {public[s.address] for s in fleet.sending_addresses if s.pool == "marketing"}
    assert set(named_addresses(txt_text(value))) == expected
    assert txt_text(value).endswith(" ~all")


def test_an_address_without_a_public_one_is_an_error(zones: dict[str, HostedZone]) -> None:
    with pytest.raises(KeyError):
        one(zones["staging-news.example"], "staging-news.example", "TXT").published({})


def test_dkim_records_take_the_key_when_it_is_known(zones: dict[str, HostedZone]) -> None:
    found = one(zones["staging-shop.example"], "s1._domainkey.staging-shop.example", "TXT")
    assert found.dkim == ("staging-shop.example", "s1")
    (value,) = found.published({}, DkimPublicKey("rsa", "MIIB"))
    assert txt_text(value) == "v=DKIM1; k=rsa; p=MIIB"


def test_steered_names_are_left_to_the_host_and_challenges_to_the_fleet(
    zones: dict[str, HostedZone],
) -> None:
    zone = zones["staging-fleet.example"]
    kinds = {(each.name, each.type) for each in zone.sets}
    assert ("transactional.submit.staging-fleet.example", "A") not in kinds
    assert ("submit.staging-fleet.example", "NS") not in kinds
    assert ("staging-fleet.example", "NS") not in kinds
    assert ("acme.staging-fleet.example", "NS") in kinds
    assert ("_acme-challenge.transactional.submit.staging-fleet.example", "CNAME") in kinds


def test_a_sending_domain_gets_no_exchanger_of_its_own(zones: dict[str, HostedZone]) -> None:
    exchangers = {each.name for each in zones["staging-shop.example"].sets if each.type == "MX"}
    assert exchangers == {"bounce.staging-shop.example"}


def grown(addresses_per_pool_and_node: int) -> Environment:
    environment = load_environment("staging", AS_OF)
    pools = {
        name: pool.model_copy(
            update={
                "addresses": {
                    node: [listed[0] + 256 * ordinal + n for n in range(addresses_per_pool_and_node)]
                    for node, listed in pool.addresses.items()
                }
            }
        )
        for ordinal, (name, pool) in enumerate(environment.pools.items())
    }
    return environment.model_copy(update={"pools": pools})


def test_spf_of_many_addresses_is_spread_over_records_that_fit() -> None:
    fleet = Fleet.of(grown(20))
    assert len(fleet.sending_addresses) == 240
    zones = {zone.name: zone for zone in hosted_zones(fleet)}
    parts = spf_parts(fleet)
    assert {len(part) for part in parts.values()} == {50, 30}
    assert sum(len(part) for part in parts.values()) == 240
    (value,) = one(zones["staging-shop.example"], "staging-shop.example", "TXT").values
    assert len(lookup_terms(txt_text(value))) == 4
    apart = {s.address: IPv4Address("198.51.100.1") + 2 * n for n, s in enumerate(fleet.sending_addresses)}
    for name in parts:
        (long,) = one(zones["staging-fleet.example"], name, "TXT").published(apart)
        assert len(txt_text(long)) <= 1100


def test_a_fleet_beyond_ten_look_ups_names_nothing_in_the_operators_record() -> None:
    fleet = Fleet.of(grown(50))
    zones = {zone.name: zone for zone in hosted_zones(fleet)}
    found = one(zones["staging-fleet.example"], "staging-fleet.example", "TXT")
    assert [txt_text(value) for value in found.values] == ["v=spf1 -all"]


def test_a_small_fleet_has_no_parts(fleet: Fleet) -> None:
    assert spf_parts(fleet) == {}
