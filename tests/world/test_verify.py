import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.world.judgement import judge
from lab.world.lookup import Kind
from lab.world.providers import Demands, Refusal
from lab.world.session import Message
from lab.world.verify import Authentication, author_domain, header_fields, verify
from tests.world.fakes import FakeDns

CLIENT = "198.51.100.21"
NAME = "transactional-1.east-1.fleet.example"
CONTENT = (
    b"From: Shop <orders@shop.example>\r\nTo: <ada@gmail.com>\r\nSubject: hello\r\n"
    b"Date: Mon, 23 Nov 2026 05:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n\r\nBody\r\n"
)
Records = dict[tuple[str, Kind], list[str] | None]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def records(key: rsa.RSAPrivateKey) -> Records:
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return {
        ("21.100.51.198.in-addr.arpa", "PTR"): [NAME],
        (NAME, "A"): [CLIENT],
        ("bounce.shop.example", "TXT"): ["v=spf1 ip4:198.51.100.0/24 -all"],
        ("s1._domainkey.shop.example", "TXT"): [f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"],
        ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject"],
    }


def signed(key: rsa.RSAPrivateKey, content: bytes = CONTENT, domain: bytes = b"shop.example") -> bytes:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    signature: bytes = dkim.sign(content, b"s1", domain, pem, canonicalize=(b"relaxed", b"relaxed"))
    return signature + content


def message(content: bytes, sender: str = "bounce+1@bounce.shop.example", source: str = CLIENT) -> Message:
    return Message(source, NAME, None, sender, ("ada@gmail.com",), content)


async def test_a_message_in_order_passes_everything(key: rsa.RSAPrivateKey, records: Records) -> None:
    found = await verify(FakeDns(records), message(signed(key)))
    assert found.spf == "pass"
    assert found.dkim_domains == ("shop.example",)
    assert found.spf_aligned
    assert found.dkim_aligned
    assert found.dmarc_policy == "reject"
    assert found.ptr_name == NAME
    assert not found.temporary_error
    assert judge(Demands(ptr="reject", spf_or_dkim="reject"), found, bulk=True) is None


async def test_a_changed_body_or_an_absent_key_breaks_the_signature(
    key: rsa.RSAPrivateKey, records: Records
) -> None:
    changed = await verify(FakeDns(records), message(signed(key).replace(b"Body", b"Spam")))
    assert changed.dkim_domains == ()
    assert changed.signatures == 1
    del records[("s1._domainkey.shop.example", "TXT")]
    keyless = await verify(FakeDns(records), message(signed(key)))
    assert keyless.dkim_domains == ()


async def test_a_foreign_signature_and_return_path_do_not_align(
    key: rsa.RSAPrivateKey, records: Records
) -> None:
    records[("s1._domainkey.other.example", "TXT")] = records[("s1._domainkey.shop.example", "TXT")]
    records[("other.example", "TXT")] = ["v=spf1 ip4:198.51.100.0/24 -all"]
    found = await verify(
        FakeDns(records), message(signed(key, domain=b"other.example"), sender="x@other.example")
    )
    assert (found.spf, found.dkim_domains) == ("pass", ("other.example",))
    assert not found.aligned
    assert judge(Demands(), found, bulk=False) == "dmarc_policy"


async def test_dns_trouble_is_marked_and_never_raised(key: rsa.RSAPrivateKey, records: Records) -> None:
    for place in list(records):
        found = await verify(FakeDns({**records, place: None}), message(signed(key)))
        assert found.temporary_error
        assert judge(Demands(ptr="reject", spf_or_dkim="reject"), found, bulk=True) is None


async def test_nonsense_is_survived(records: Records) -> None:
    for content in (
        b"",
        b"\r\n\r\n",
        b"DKIM-Signature: v=1; d=; s=;\r\n\r\n",
        b"From: a@b.example\r\nFrom: c@d.example\r\n\r\n",
    ):
        found = await verify(FakeDns(records), message(content, sender=""))
        assert found.dkim_domains == ()


def test_headers_are_unfolded_and_two_authors_are_none() -> None:
    fields = header_fields(
        b"Subject: a\r\n b\r\nFrom: Shop\r\n <x@Shop.example>\r\n\r\nFrom: body@example.com\r\n"
    )
    assert fields == [("subject", b"a b"), ("from", b"Shop <x@Shop.example>")]
    assert author_domain(fields) == "shop.example"
    assert author_domain([("from", b"a@x.example, b@y.example")]) == ""
    assert author_domain([("from", b"a@x.example"), ("from", b"b@x.example")]) == ""


def authentication(**changes: object) -> Authentication:
    fields: dict[str, object] = {
        "spf": "pass", "spf_domain": "bounce.shop.example", "dkim_domains": ("shop.example",),
        "signatures": 1, "author_domain": "shop.example", "dmarc_policy": "none", "spf_aligned": True,
        "dkim_aligned": True, "ptr_name": NAME,
    }  # fmt: skip
    return Authentication(**{**fields, **changes})  # type: ignore[arg-type]


STRICT = Demands(ptr="reject", spf_or_dkim="reject", bulk_from_messages_per_day=5000)


@pytest.mark.parametrize(
    ("changes", "bulk", "expected"),
    [
        ({"ptr_name": None}, False, "ptr"),
        ({"spf": "fail", "dkim_domains": ()}, False, "unauthenticated"),
        ({"spf": "fail", "spf_aligned": False}, False, None),
        ({"spf": "softfail"}, True, "spf"),
        ({"dkim_domains": ()}, True, "dkim"),
        ({"dmarc_policy": None}, False, None),
        ({"dmarc_policy": None}, True, "dmarc_missing"),
        ({"spf_aligned": False, "dkim_aligned": False}, True, "alignment"),
        ({"dmarc_policy": "reject", "spf_aligned": False, "dkim_aligned": False}, False, "dmarc_policy"),
    ],
)
def test_each_missing_demand_has_its_own_refusal(
    changes: dict[str, object], bulk: bool, expected: Refusal | None
) -> None:
    assert judge(STRICT, authentication(**changes), bulk=bulk) == expected
