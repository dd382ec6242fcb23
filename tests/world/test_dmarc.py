import pytest

from lab.world import dmarc
from lab.world.lookup import Kind
from tests.world.fakes import FakeDns


def published(**records: str) -> dict[tuple[str, Kind], list[str] | None]:
    return {(f"_dmarc.{name.replace('_', '.')}", "TXT"): [text] for name, text in records.items()}


async def test_the_closest_record_governs_and_the_highest_names_the_organization() -> None:
    dns = FakeDns(
        published(shop_example="v=DMARC1; p=reject; sp=none", news_shop_example="v=DMARC1; p=quarantine")
    )
    found = await dmarc.discover(dns, "news.shop.example")
    assert found.organizational_domain == "shop.example"
    assert found.policy_for("news.shop.example") == "quarantine"
    inherited = await dmarc.discover(dns, "other.shop.example")
    assert inherited.policy_for("other.shop.example") == "none"


async def test_a_public_suffix_is_not_the_organization() -> None:
    dns = FakeDns(published(example="v=DMARC1; p=none; psd=y"))
    found = await dmarc.discover(dns, "mail.shop.example")
    assert found.organizational_domain == "shop.example"


async def test_without_a_record_there_is_no_policy() -> None:
    found = await dmarc.discover(FakeDns({}), "shop.example")
    assert found.policy_for("shop.example") is None
    two = FakeDns({("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=none", "v=DMARC1; p=reject"]})
    assert (await dmarc.discover(two, "shop.example")).record is None


def test_long_names_are_walked_in_eight_questions_at_most() -> None:
    names = dmarc.walk("a.b.c.d.e.f.g.h.i.j.mail.example")
    assert names[:2] == ["a.b.c.d.e.f.g.h.i.j.mail.example", "f.g.h.i.j.mail.example"]
    assert len(names) == 8
    assert dmarc.walk("shop.example") == ["shop.example", "example"]


@pytest.mark.parametrize("text", ["", "p=reject", "v=DMARC2; p=none", "p=none; v=DMARC1", "v=spf1 -all"])
def test_other_texts_are_no_records(text: str) -> None:
    assert dmarc.parse_record("shop.example", text) is None


@pytest.mark.parametrize(
    ("authenticated", "strict", "expected"),
    [
        ("shop.example", True, True),
        ("bounce.shop.example", True, False),
        ("bounce.shop.example", False, True),
    ],
)
def test_alignment(authenticated: str, strict: bool, expected: bool) -> None:
    assert dmarc.aligned(authenticated, "shop.example", same_organization=True, strict=strict) == expected
