import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from infra.provider.keys import CertificateAuthority, PrivateKey, SharedSecret
from infra.provider.settings import Settings
from providerkit.kind import ProviderError, check
from providerkit.values import Properties


def test_an_rsa_key_publishes_its_subject_public_key_info() -> None:
    kind = PrivateKey()
    made = kind.create(kind.inputs(algorithm="rsa2048"))
    key = serialization.load_pem_private_key(made.computed["private_key_pem"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    info = serialization.load_der_public_key(base64.b64decode(made.computed["public_key_base64"]))
    assert info == key.public_key()


def test_an_ed25519_key_opens_ssh_and_publishes_32_bytes() -> None:
    kind = PrivateKey()
    made = kind.create(kind.inputs(algorithm="ed25519"))
    pem = made.computed["private_key_pem"]
    assert pem.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    key = serialization.load_ssh_private_key(pem.encode(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    assert len(base64.b64decode(made.computed["public_key_base64"])) == 32
    assert made.computed["public_key_openssh"].startswith("ssh-ed25519 ")


def test_two_keys_differ_and_so_do_their_ids() -> None:
    kind = PrivateKey()
    first, second = (kind.create(kind.inputs(algorithm="ed25519")) for _ in range(2))
    assert first.identity != second.identity


@pytest.mark.parametrize(("encoding", "decode"), [("base64", base64.b64decode), ("base64url", None)])
def test_a_shared_secret_has_the_length_asked_for(encoding: str, decode: object) -> None:
    kind = SharedSecret()
    value = kind.create(kind.inputs(length_bytes=24, encoding=encoding)).computed["value"]
    raw = base64.b64decode(value) if decode else base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    assert len(raw) == 24
    assert decode or not set(value) & set("+/=")


def test_an_authority_is_a_root_that_may_sign_certificates() -> None:
    kind = CertificateAuthority()
    made = kind.create(kind.inputs(common_name="Test root"))
    certificate = x509.load_pem_x509_certificate(made.computed["certificate_pem"].encode())
    certificate.verify_directly_issued_by(certificate)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    key = serialization.load_pem_private_key(made.computed["private_key_pem"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == certificate.public_key()


def test_what_is_secret_is_declared_so() -> None:
    assert PrivateKey.secret == {"private_key_pem"}
    assert CertificateAuthority.secret == {"private_key_pem"}
    assert SharedSecret.secret == {"value"}


@pytest.mark.parametrize("kind", [PrivateKey(), SharedSecret(), CertificateAuthority(), Settings()])
def test_reading_returns_what_is_recorded_and_nothing_can_be_imported(kind: PrivateKey) -> None:
    assert kind.read("id", {"value": "kept"}) == {"value": "kept"}
    with pytest.raises(ProviderError, match="import"):
        kind.read("id", {})
    kind.delete("id", {"value": "kept"})


@pytest.mark.parametrize(
    ("kind", "inputs", "bad"),
    [
        (PrivateKey(), {"algorithm": "rsa1024"}, "algorithm"),
        (PrivateKey(), {"algorithm": "ed25519", "rotation": -1}, "rotation"),
        (SharedSecret(), {"length_bytes": 8}, "length_bytes"),
        (CertificateAuthority(), {"common_name": ""}, "common_name"),
        (Settings(), {"scope": "Limits", "values": {}}, "scope"),
    ],
)
def test_bad_inputs_are_refused_by_name(kind: PrivateKey, inputs: dict[str, object], bad: str) -> None:
    _, problems = check(kind, Properties(inputs))
    assert [problem.property for problem in problems] == [bad]
