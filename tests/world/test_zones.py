from ipaddress import IPv4Address

import dns.name
import dns.zone
import pytest

from lab.world import geography
from lab.world.providers import REFUSALS, load_providers
from lab.world.render import machine_addresses, render_files
from lab.world.spec import Delegation, NameServer, WorldSpec
from lab.world.zones import Levels, build_zones

NS_EAST = NameServer(name="ns-east.fleet.example", address=IPv4Address("198.51.100.11"))
NS_WEST = NameServer(name="ns-west.fleet.example", address=IPv4Address("203.0.113.11"))


def delegation(zone: str) -> Delegation:
    return Delegation(zone=zone, name_servers=(NS_EAST, NS_WEST))


@pytest.fixture(scope="module")
def spec() -> WorldSpec:
    return WorldSpec(
        delegations=tuple(
            delegation(zone) for zone in ("fleet.example", "submit.fleet.example", "shop.example")
        ),
        reverse_names={IPv4Address("198.51.100.21"): "transactional-1.east-1.fleet.example"},
    )


@pytest.fixture(scope="module")
def levels(spec: WorldSpec) -> Levels:
    return build_zones(spec, load_providers())


def parsed(levels: Levels, level: str, name: str) -> dns.zone.Zone:
    return dns.zone.from_text(levels[level][name].text(7), origin=f"{name}.", relativize=False)


def values(zone: dns.zone.Zone, owner: str, kind: str) -> set[str]:
    rdataset = zone.get_rdataset(dns.name.from_text(owner), kind)
    return {item.to_text() for item in rdataset} if rdataset else set()


def test_every_zone_is_valid_and_delegated_from_its_parent_to_the_servers_it_names(levels: Levels) -> None:
    for level in ("tld", "isp"):
        for name in levels[level]:
            own = values(parsed(levels, level, name), f"{name}.", "NS")
            parent = (
                parsed(levels, "root", "")
                if level == "tld"
                else parsed(levels, "tld", name.rpartition(".")[2])
            )
            assert own == values(parent, f"{name}.", "NS")


def test_every_name_server_in_a_delegation_has_an_address_somewhere(levels: Levels) -> None:
    addresses = {
        owner
        for zones in levels.values()
        for zone in zones.values()
        for owner, kind, _ in zone.records
        if kind == "A"
    }
    for zones in levels.values():
        for zone in zones.values():
            assert {
                value for _, kind, value in zone.records if kind in {"NS", "MX"} and " " not in value
            } <= addresses


def test_the_fleet_is_delegated_with_glue_and_its_own_children_are_left_to_it(levels: Levels) -> None:
    zone = parsed(levels, "tld", "example")
    assert values(zone, "fleet.example.", "NS") == {"ns-east.fleet.example.", "ns-west.fleet.example."}
    assert values(zone, "shop.example.", "NS") == {"ns-east.fleet.example.", "ns-west.fleet.example."}
    assert values(zone, "ns-east.fleet.example.", "A") == {"198.51.100.11"}
    assert not values(zone, "submit.fleet.example.", "NS")


def test_sending_addresses_have_reverse_names(levels: Levels) -> None:
    zone = parsed(levels, "tld", "in-addr.arpa")
    assert values(zone, "21.100.51.198.in-addr.arpa.", "PTR") == {"transactional-1.east-1.fleet.example."}


def test_every_exchanger_named_by_a_mailbox_domain_has_one_address_of_its_providers_own(
    levels: Levels,
) -> None:
    for provider in load_providers():
        for records in provider.domains.values():
            assert {host for hosts in records.values() for host in hosts} <= set(provider.exchangers)
        assert all(address in provider.network for address in provider.exchangers.values())
    addresses = [address for provider in load_providers() for address in provider.exchangers.values()]
    assert len(addresses) == len(set(addresses))


def test_every_provider_words_every_refusal_with_reply_codes_of_the_right_kind() -> None:
    for provider in load_providers():
        assert set(provider.replies) == set(REFUSALS)
        for refusal, text in provider.replies.items():
            codes = {line[:3] for line in (text or "421 ").splitlines()}
            assert len(codes) == 1, (provider.name, refusal)
            temporary = refusal in {"connections", "session_messages", "rate", "fresh", "unsubscribe"}
            assert temporary == (codes.pop()[0] == "4") or refusal == "ptr"


def test_the_machine_owns_all_addresses_it_serves(spec: WorldSpec) -> None:
    addresses = machine_addresses(spec, load_providers())
    assert geography.ACME_ADDRESS in addresses
    assert {server.address for server in (*geography.ROOT_SERVERS, *geography.TLD_SERVERS)} <= set(addresses)
    assert not {NS_EAST.address, NS_WEST.address} & set(addresses)


def test_rendering_depends_on_the_serial_only_in_soa_records(
    spec: WorldSpec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = tmp_path_factory.getbasetemp()
    one, two = (render_files(spec, load_providers(), run, serial) for serial in (1, 2))
    different = {line for name in one for line in set(one[name].splitlines()) ^ set(two[name].splitlines())}
    assert different
    assert all(" IN SOA " in line for line in different)
