from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.world.lookup import Kind
from lab.world.spf import Result, check_host
from lab.world.spf_record import MalformedPolicyError, parse_policy
from tests.world.fakes import FakeDns

CLIENT = "198.51.100.21"
SENDER = "orders+7@bounce.shop.example"
HELO = "mail.fleet.example"


def txt(**policies: str) -> dict[tuple[str, Kind], list[str] | None]:
    """`a_b="x"` stands for a TXT record `v=spf1 x` at a.b.example."""
    return {
        (f"{name.replace('_', '.')}.example", "TXT"): [f"v=spf1 {text}"] for name, text in policies.items()
    }


async def result(
    records: dict[tuple[str, Kind], list[str] | None], domain: str = "d.example", client: str = CLIENT
) -> Result:
    return await check_host(FakeDns(records), client, domain, SENDER, HELO)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("ip4:198.51.100.21 -all", "pass"),
        ("ip4:198.51.100.0/24 -all", "pass"),
        ("ip4:203.0.113.0/24 -all", "fail"),
        ("ip4:203.0.113.0/24 ~all", "softfail"),
        ("?all", "neutral"),
        ("", "neutral"),
        ("ip4:203.0.113.1", "neutral"),
        ("-ip4:198.51.100.21 +all", "fail"),
        ("IP4:198.51.100.21 -ALL", "pass"),
        ("ip4:198.51.100.21 bogus", "permerror"),
        ("-all bogus:x", "permerror"),
        ("ip4:198.51.100 -all", "permerror"),
        ("ip4:198.51.100.0/33 -all", "permerror"),
        ("ip4:198.51.100.0/024 -all", "permerror"),
        ("ip4 -all", "permerror"),
        ("all:x", "permerror"),
        ("include -all", "permerror"),
        ("a:%{q}.example -all", "permerror"),
        ("redirect=a.example redirect=b.example", "permerror"),
        ("unknown-modifier=whatever ip4:198.51.100.21 -all", "pass"),
        ("ip6:2001:db8::/32 -all", "fail"),
        ("exp=why.example -all", "fail"),
    ],
)
async def test_policies_without_lookups(policy: str, expected: Result) -> None:
    assert await result(txt(d=policy)) == expected


async def test_no_policy_and_names_that_cannot_have_one() -> None:
    assert await result({}) == "none"
    assert await result({("d.example", "TXT"): ["v=spf10 all", "hello"]}) == "none"
    assert await result({}, domain="localhost") == "none"
    assert await result({}, domain=f"{'a' * 64}.example") == "none"
    assert await result({}, domain="a..example") == "none"


async def test_two_policies_are_an_error() -> None:
    assert await result({("d.example", "TXT"): ["v=spf1 -all", "v=spf1 +all"]}) == "permerror"


async def test_a_and_mx_with_prefixes() -> None:
    records = txt(d="a:host.example/24 mx//64 -all") | {
        ("host.example", "A"): ["198.51.100.200"],
        ("d.example", "MX"): ["mx1.example"],
        ("mx1.example", "A"): ["203.0.113.9"],
        ("mx1.example", "AAAA"): ["2001:db8:0:1::1"],
    }
    assert await result(records) == "pass"
    assert await result(records, client="203.0.113.9") == "pass"
    assert await result(records, client="203.0.113.8") == "fail"
    records[("d.example", "TXT")] = ["v=spf1 mx//64 -all"]
    assert await result(records, client="2001:db8:0:1::ffff") == "pass"
    assert await result(records, client="2001:db8:0:2::ffff") == "fail"


@pytest.mark.parametrize(
    ("included", "expected"),
    [
        ("ip4:198.51.100.21 -all", "pass"),
        ("-all", "softfail"),
        ("?all", "softfail"),
        ("bogus", "permerror"),
        (None, "permerror"),
    ],
)
async def test_include_passes_on_pass_only(included: str | None, expected: Result) -> None:
    records = txt(d="include:inner.example ~all")
    if included is not None:
        records |= txt(inner=included)
    assert await result(records) == expected


async def test_redirect_is_followed_when_nothing_matches() -> None:
    records = txt(d="ip4:203.0.113.1 redirect=inner.example", inner="ip4:198.51.100.21 -all")
    assert await result(records) == "pass"
    assert await result(txt(d="redirect=inner.example")) == "permerror"
    assert await result(txt(d="redirect=inner.example ?all", inner="-all")) == "neutral"


async def test_loops_end_at_the_lookup_limit() -> None:
    assert await result(txt(d="include:d.example -all")) == "permerror"
    assert await result(txt(d="redirect=e.example", e="redirect=d.example")) == "permerror"


@pytest.mark.parametrize(("includes", "expected"), [(10, "pass"), (11, "permerror")])
async def test_ten_terms_may_cause_queries(includes: int, expected: Result) -> None:
    records = {
        ("d.example", "TXT"): [
            "v=spf1 " + "".join(f"include:i{n}.example " for n in range(includes)) + "+all"
        ]
    }
    records |= {(f"i{number}.example", "TXT"): ["v=spf1 -all"] for number in range(includes)}
    assert await result(records) == expected  # type: ignore[arg-type]


async def test_a_match_before_the_limit_counts() -> None:
    policy = "ip4:198.51.100.21 " + "".join(f"include:i{number}.example " for number in range(20)) + "-all"
    assert await result(txt(d=policy)) == "pass"


@pytest.mark.parametrize(("voids", "expected"), [(2, "pass"), (3, "permerror")])
async def test_two_queries_may_go_unanswered(voids: int, expected: Result) -> None:
    policy = "".join(f"a:v{number}.example " for number in range(voids)) + "+all"
    assert await result(txt(d=policy)) == expected


async def test_more_than_ten_mail_exchangers_are_an_error() -> None:
    records = txt(d="mx -all")
    records |= {("d.example", "MX"): [f"mx{number}.example" for number in range(11)]}
    records |= {(f"mx{number}.example", "A"): ["203.0.113.1"] for number in range(11)}
    assert await result(records) == "permerror"


async def test_dns_trouble_is_temporary() -> None:
    assert await result({("d.example", "TXT"): None}) == "temperror"
    assert await result(txt(d="a:host.example -all") | {("host.example", "A"): None}) == "temperror"
    assert await result(txt(d="include:i.example -all") | {("i.example", "TXT"): None}) == "temperror"


async def test_exists_with_macros() -> None:
    name = "7.orders.bounce.shop.example.21.100.51.198.in-addr.spf.example"
    records = txt(d="exists:%{lr+-}.%{o}.%{ir}.%{v}.spf.example -all") | {(name, "A"): ["127.0.0.2"]}
    assert await result(records) == "pass"


@pytest.mark.parametrize(
    ("macro", "expanded"),
    [
        ("%{d}", "d.sub.example"),
        ("%{d1}", "example"),
        ("%{dr}", "example.sub.d"),
        ("%{d2r}", "sub.d"),
        ("%{h}", "mail.fleet.example"),
        ("%{p}", "unknown"),
        ("a%%b", "a%b"),
        ("%{L}", "orders%2b7"),
    ],
)
async def test_macro_expansion(macro: str, expanded: str) -> None:
    dns = FakeDns({("d.sub.example", "TXT"): [f"v=spf1 exists:{macro}.x.example -all"]})
    await check_host(dns, CLIENT, "d.sub.example", SENDER, HELO)
    assert dns.asked[-1] == (f"{expanded}.x.example", "A")


async def test_ptr_needs_a_confirmed_name_below_the_domain() -> None:
    pointer = "21.100.51.198.in-addr.arpa"
    records = txt(d="ptr:fleet.example -all") | {(pointer, "PTR"): ["mail.fleet.example"]}
    assert await result(records) == "fail"
    records |= {("mail.fleet.example", "A"): [CLIENT]}
    assert await result(records) == "pass"
    records |= {(pointer, "PTR"): ["notfleet.example"], ("notfleet.example", "A"): [CLIENT]}
    assert await result(records) == "fail"


async def test_the_null_sender_is_judged_by_the_helo_name() -> None:
    dns = FakeDns(txt(mail="exists:%{l}.%{o}.x.example -all"))
    await check_host(dns, CLIENT, "mail.example", "", "mail.example")
    assert dns.asked[-1] == ("postmaster.mail.example.x.example", "A")


@given(st.text(max_size=80))
def test_parsing_is_total(text: str) -> None:
    with suppress(MalformedPolicyError):
        parse_policy(f"v=spf1 {text}")


_TERMS = st.sampled_from(
    [
        "a", "mx", "a:h.example", "mx:h.example/24", "include:d.example", "include:e.example", "-mx", "ptr",
        "exists:%{i}.x.example", "ip4:203.0.113.0/24", "redirect=e.example", "?a:none.example",
    ]
)  # fmt: skip


@given(st.lists(_TERMS, max_size=15), st.lists(_TERMS, max_size=15))
async def test_any_two_policies_end_within_the_limits(one: list[str], two: list[str]) -> None:
    dns = FakeDns(
        txt(d=" ".join(one), e=" ".join(two))
        | {
            ("h.example", "A"): ["203.0.113.77"],
            ("d.example", "MX"): ["h.example"],
            ("e.example", "A"): ["203.0.113.1"],
        }
    )
    await check_host(dns, CLIENT, "d.example", SENDER, HELO)
    policies = [name for name, kind in dns.asked if kind == "TXT"]
    assert len(policies) <= 11
