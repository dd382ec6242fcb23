"""What is published: complete, consistent, within every protocol's limits, and loadable."""

from collections import defaultdict
from ipaddress import IPv4Address

import dns.zone
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from fleet.dns import (
    DkimPublicKey,
    DnsError,
    Zone,
    certificate_names,
    challenge_name,
    delegations,
    policy_id,
    policy_text,
    reverse_names,
    zone_digest,
    zone_text,
    zones,
)
from fleet.dns.keys import public_key, public_keys
from fleet.dns.model import canonical_value, txt, txt_text
from fleet.dns.spf import included_lookups, lookup_terms, spf_text
from fleet.topology import Fleet

# As long as the key of a 2,048-bit RSA key pair.
KEY = DkimPublicKey("rsa", "MIIB" + "A" * 388)
KEYS = {domain: {"s1": KEY, "s2": KEY} for domain in ("shop.example", "news.example")}

Published = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def all_zones(lab_fleet: Fleet) -> tuple[Zone, ...]:
    return zones(lab_fleet, KEYS)


@pytest.fixture(scope="module")
def published(all_zones: tuple[Zone, ...]) -> Published:
    """Values by name and type; TXT values as the text receivers see."""
    found: Published = defaultdict(list)
    for zone in all_zones:
        for record in zone.records:
            value = txt_text(record.value) if record.type == "TXT" else record.value
            found[record.name, record.type].append(value)
    return found


def test_each_zone_loads_as_a_master_file(all_zones: tuple[Zone, ...]) -> None:
    for zone in all_zones:
        text = zone_text(zone, 2026112301)
        loaded = dns.zone.from_text(text, zone.name)
        assert loaded.get_soa().serial == 2026112301
        assert len(loaded.get_rdataset("@", "NS") or ()) == 2
        assert text == zone_text(zone, 2026112301)


def test_the_zones_are_those_of_the_operator_the_senders_and_the_two_that_change(
    all_zones: tuple[Zone, ...],
) -> None:
    assert {zone.name: zone.kind for zone in all_zones} == {
        "fleet.example": "static",
        "shop.example": "static",
        "news.example": "static",
        "submit.fleet.example": "steered",
        "acme.fleet.example": "acme",
    }


def test_every_record_lies_in_its_zone(all_zones: tuple[Zone, ...]) -> None:
    for zone in all_zones:
        for record in zone.records:
            assert record.name == zone.name or record.name.endswith(f".{zone.name}")


def test_an_alias_stands_alone(published: Published) -> None:
    types = defaultdict(set)
    for name, type_ in published:
        types[name].add(type_)
    for name, found in types.items():
        assert "CNAME" not in found or found == {"CNAME"}, name


def test_no_record_is_published_twice(all_zones: tuple[Zone, ...]) -> None:
    for zone in all_zones:
        seen = [(record.name, record.type, record.value) for record in zone.records]
        assert len(seen) == len(set(seen))


def test_each_name_of_an_address_leads_back_to_it(lab_fleet: Fleet, published: Published) -> None:
    names = reverse_names(lab_fleet)
    assert len(names) == 16
    for address, name in names.items():
        assert str(address) in published[name, "A"]
    assert names[IPv4Address("203.0.113.32")] == "transactional-2.west-2.fleet.example"


def test_parents_delegate_to_a_name_server_in_each_region(lab_fleet: Fleet) -> None:
    assert [one.zone for one in delegations(lab_fleet)] == ["fleet.example", "shop.example", "news.example"]
    servers = dict(delegations(lab_fleet)[0].name_servers)
    assert servers == {
        "ns-east.fleet.example": IPv4Address("198.51.100.11"),
        "ns-west.fleet.example": IPv4Address("203.0.113.11"),
    }


@pytest.mark.parametrize("zone", ["submit.fleet.example", "acme.fleet.example"])
def test_the_changing_zones_are_delegated_in_the_operators(all_zones: tuple[Zone, ...], zone: str) -> None:
    parent = next(one for one in all_zones if one.name == "fleet.example")
    child = next(one for one in all_zones if one.name == zone)
    delegated = {one.value for one in parent.records if (one.name, one.type) == (zone, "NS")}
    assert delegated == {one.value for one in child.records if (one.name, one.type) == (zone, "NS")}
    assert len(delegated) == 2


def test_a_sending_domain_gets_an_exchanger_on_its_return_path_only(published: Published) -> None:
    assert ("shop.example", "MX") not in published
    assert published["bounce.shop.example", "MX"] == [
        "10 mx-east-1.fleet.example.",
        "10 mx-east-2.fleet.example.",
        "10 mx-west-1.fleet.example.",
        "10 mx-west-2.fleet.example.",
    ]


def test_outside_the_return_path_a_sending_domain_gets_text_only(published: Published) -> None:
    for name, type_ in published:
        if name.endswith("shop.example") and "bounce.shop.example" not in name:
            assert type_ in ("TXT", "NS"), name


def test_spf_admits_the_addresses_of_the_domains_pools_and_no_others(published: Published) -> None:
    (text,) = published["news.example", "TXT"]
    assert text == "v=spf1 ip4:198.51.100.41 ip4:198.51.100.42 ip4:203.0.113.41 ip4:203.0.113.42 ~all"
    (bounces,) = published["bounce.news.example", "TXT"]
    assert bounces == text.replace("~all", "-all")


def test_spf_of_the_fleet_costs_no_look_up(published: Published) -> None:
    texts = [text for (_name, type_), values in published.items() if type_ == "TXT" for text in values]
    records = [text for text in texts if text.startswith("v=spf1")]
    assert len(records) == 1 + 16 + 4
    assert not any(lookup_terms(text) for text in records)


def test_each_helo_name_answers_for_itself(published: Published) -> None:
    name = "marketing-1.west-1.fleet.example"
    assert published[name, "TXT"] == ["v=spf1 ip4:203.0.113.41 -all"]


def test_adjacent_addresses_are_named_as_one_network() -> None:
    addresses = [IPv4Address("192.0.2.0") + n for n in (8, 9, 10, 11, 20)]
    assert spf_text(addresses, {}, final="-all") == "v=spf1 ip4:192.0.2.8/30 ip4:192.0.2.20 -all"


def test_includes_are_counted_with_what_they_cost() -> None:
    assert spf_text([], {"one.example": 4, "two.example": 6}, final="~all").endswith(
        "include:two.example ~all"
    )
    with pytest.raises(DnsError, match="costs 11 DNS look-ups"):
        spf_text([], {"one.example": 5, "two.example": 6}, final="~all")


def test_an_spf_record_too_long_for_a_packet_is_refused() -> None:
    with pytest.raises(DnsError, match="adjacent addresses"):
        spf_text([IPv4Address("192.0.2.0") + 2 * n for n in range(90)], {}, final="-all")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("v=spf1 ip4:192.0.2.1 -all", []),
        (
            "v=spf1 a mx:x.example ?ptr include:y.example ~all",
            ["a", "mx:x.example", "?ptr", "include:y.example"],
        ),
        ("v=spf1 a/24 exists:%{i}.x redirect=z.example", ["a/24", "exists:%{i}.x", "redirect=z.example"]),
        ("v=spf1 ip6:a::1 all", []),
    ],
)
def test_look_ups_are_recognised(text: str, terms: list[str]) -> None:
    assert lookup_terms(text) == terms


def test_records_that_include_each_other_come_to_an_end() -> None:
    assert included_lookups("a.example", lambda _name: "v=spf1 include:a.example -all") > 10
    assert included_lookups("a.example", lambda _name: None) == 1
    assert included_lookups("a.example", lambda _name: "v=spf1 exists:%{i}.b.example -all") == 2


def test_both_dkim_selectors_are_published(published: Published) -> None:
    for selector in ("s1", "s2"):
        (text,) = published[f"{selector}._domainkey.shop.example", "TXT"]
        assert text == f"v=DKIM1; k=rsa; p={KEY.base64}"


def test_a_missing_key_is_named(lab_fleet: Fleet) -> None:
    with pytest.raises(DnsError, match=r"news\.example has no DKIM key for selector s2"):
        zones(lab_fleet, {**KEYS, "news.example": {"s1": KEY}})


def test_reports_go_to_the_operator_who_says_so(published: Published) -> None:
    (policy,) = published["_dmarc.shop.example", "TXT"]
    assert policy == "v=DMARC1; p=none; rua=mailto:dmarc@fleet.example"
    assert published["shop.example._report._dmarc.fleet.example", "TXT"] == ["v=DMARC1"]
    (tls,) = published["_smtp._tls.bounce.shop.example", "TXT"]
    assert tls == "v=TLSRPTv1; rua=mailto:tls-rpt@fleet.example"
    assert published["fleet.example", "MX"]


def test_the_policy_names_every_exchanger_and_its_id_follows_it(
    lab_fleet: Fleet, published: Published
) -> None:
    text = policy_text(lab_fleet, "testing")
    assert text.startswith("version: STSv1\r\nmode: testing\r\nmx: mx-east-1.fleet.example\r\n")
    assert text.endswith("max_age: 86400\r\n")
    assert published["_mta-sts.bounce.shop.example", "TXT"] == [f"v=STSv1; id={policy_id(text)}"]
    assert policy_id(text) != policy_id(policy_text(lab_fleet, "enforce"))
    assert policy_id(text).isalnum()
    assert len(policy_id(text)) <= 32
    assert published["mta-sts.bounce.shop.example", "CNAME"] == ["sts.submit.fleet.example."]


def test_only_our_authority_may_issue_for_what_is_ours(published: Published) -> None:
    for name in ("fleet.example", "bounce.shop.example"):
        assert '0 issue "pki.example"' in published[name, "CAA"]
        assert '0 issuewild ";"' in published[name, "CAA"]
    assert ("shop.example", "CAA") not in published


def test_each_certificate_name_has_its_challenge_in_the_acme_zone(
    lab_fleet: Fleet, published: Published
) -> None:
    names = certificate_names(lab_fleet)
    assert "transactional.submit.fleet.example" in names
    assert "mta-sts.bounce.news.example" in names
    for name in names:
        assert published[f"_acme-challenge.{name}", "CNAME"] == [f"{challenge_name(lab_fleet, name)}."]
        assert challenge_name(lab_fleet, name).endswith(".acme.fleet.example")


def test_the_steered_zone_begins_with_every_entrance(published: Published) -> None:
    assert published["transactional.submit.fleet.example", "A"] == [
        "198.51.100.21",
        "198.51.100.31",
        "203.0.113.21",
        "203.0.113.31",
    ]
    assert len(published["sts.submit.fleet.example", "A"]) == 4


def test_the_digest_follows_content_not_serial(all_zones: tuple[Zone, ...], lab_fleet: Fleet) -> None:
    again = zones(lab_fleet, KEYS)
    assert [zone_digest(zone) for zone in all_zones] == [zone_digest(zone) for zone in again]
    changed = zones(lab_fleet, {**KEYS, "shop.example": {"s1": KEY, "s2": DkimPublicKey("rsa", "BBBB")}})
    differing = [one.name for one, other in zip(all_zones, changed, strict=True)
                 if zone_digest(one) != zone_digest(other)]  # fmt: skip
    assert differing == ["shop.example"]


def test_the_contact_becomes_a_mailbox_name(all_zones: tuple[Zone, ...]) -> None:
    zone = all_zones[0]
    dotted = Zone(zone.name, zone.kind, zone.primary, "post.master@fleet.example", 60, ())
    assert dotted.soa_value(7).split()[1] == r"post\.master.fleet.example."


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=900))
def test_text_of_any_length_survives_its_way_through_a_zone_file(text: str) -> None:
    assert txt_text(txt(text)) == text
    assert txt_text(canonical_value("TXT", txt(text))) == text


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_public_keys_come_from_private_ones() -> None:
    found = public_keys({"shop.example": {"s1": _pem(rsa.generate_private_key(65537, 2048))}})
    key = found["shop.example"]["s1"]
    assert key.algorithm == "rsa"
    assert key.base64.startswith("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")
    assert len(public_key(_pem(ed25519.Ed25519PrivateKey.generate())).base64) == 44


@pytest.mark.parametrize("pem", ["not a key", _pem(ec.generate_private_key(ec.SECP256R1()))])
def test_a_key_that_cannot_sign_mail_is_refused_without_being_shown(pem: str) -> None:
    with pytest.raises(DnsError) as caught:
        public_key(pem)
    assert pem not in str(caught.value)
