"""Resource kinds for key material.

Nothing of it exists outside the stack's state: reading returns what is recorded, deleting forgets it.
"""

import base64
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from pydantic import Field

from providerkit.kind import Created, I, Inputs, Kind, ProviderError
from providerkit.values import Json


class _Kept(Kind[I]):
    """A kind whose resources live in the state alone; any change of inputs makes a new one."""

    delete_before_replace: ClassVar[bool] = False

    def read(self, identity: str, recorded: Mapping[str, Json]) -> Mapping[str, Json] | None:
        if not recorded:
            raise ProviderError(
                f"{self.resource_type} {identity}: this key material exists only in the "
                "state of the stack that made it and cannot be imported by id; restore that state instead"
            )
        return recorded

    def delete(self, identity: str, recorded: Mapping[str, Json]) -> None:
        return None


class PrivateKeyInputs(Inputs):
    """`rotation` is any number: raising it makes a new key."""

    algorithm: Literal["rsa2048", "ed25519"]
    rotation: Annotated[int, Field(ge=0)] = 0


class PrivateKey(_Kept[PrivateKeyInputs]):
    """A private key; the id is the SHA-256 fingerprint of its public half.

    Outputs: `private_key_pem` (secret; PKCS #8, for ed25519 in OpenSSH's own format), `public_key_base64` (as
    in DKIM records: for RSA the SubjectPublicKeyInfo, RFC 6376; for ed25519 the bare key, RFC 8463) and
    `public_key_openssh`.
    """

    resource_type = "mtafleet:index:PrivateKey"
    inputs = PrivateKeyInputs
    replaces = frozenset({"algorithm", "rotation"})
    computed = frozenset({"private_key_pem", "public_key_base64", "public_key_openssh"})
    secret = frozenset({"private_key_pem"})

    def create(self, inputs: PrivateKeyInputs) -> Created:
        key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
        if inputs.algorithm == "rsa2048":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            private_format = PrivateFormat.PKCS8
        else:
            key = ed25519.Ed25519PrivateKey.generate()
            private_format = PrivateFormat.OpenSSH
        info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        published = (
            key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            if isinstance(key, ed25519.Ed25519PrivateKey)
            else info
        )
        computed = {
            "private_key_pem": key.private_bytes(Encoding.PEM, private_format, NoEncryption()).decode(),
            "public_key_base64": base64.b64encode(published).decode(),
            "public_key_openssh": key.public_key()
            .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
            .decode(),
        }
        return Created(_digest(info), computed)


class SharedSecretInputs(Inputs):
    """`length_bytes` counts random bytes before encoding; `rotation` as for a key."""

    length_bytes: Annotated[int, Field(ge=16, le=256)] = 32
    encoding: Literal["base64", "base64url"] = "base64"
    rotation: Annotated[int, Field(ge=0)] = 0


class SharedSecret(_Kept[SharedSecretInputs]):
    """Random bytes two sides share: a TSIG secret (base64), a password (base64url). Output: `value`."""

    resource_type = "mtafleet:index:SharedSecret"
    inputs = SharedSecretInputs
    replaces = frozenset({"length_bytes", "encoding", "rotation"})
    computed = frozenset({"value"})
    secret = frozenset({"value"})

    def create(self, inputs: SharedSecretInputs) -> Created:
        raw = secrets.token_bytes(inputs.length_bytes)
        encode = base64.b64encode if inputs.encoding == "base64" else base64.urlsafe_b64encode
        value = encode(raw).decode()
        if inputs.encoding == "base64url":
            value = value.rstrip("=")
        return Created(secrets.token_hex(8), {"value": value})


class CertificateAuthorityInputs(Inputs):
    """`common_name` is shown to people; `valid_days` counts from creation."""

    common_name: Annotated[str, Field(min_length=1, max_length=64)]
    valid_days: Annotated[int, Field(ge=1, le=7300)] = 3650
    rotation: Annotated[int, Field(ge=0)] = 0


class CertificateAuthority(_Kept[CertificateAuthorityInputs]):
    """A self-signed root on P-256. Outputs: `certificate_pem`, `private_key_pem` (secret, PKCS #8)."""

    resource_type = "mtafleet:index:CertificateAuthority"
    inputs = CertificateAuthorityInputs
    replaces = frozenset({"common_name", "valid_days", "rotation"})
    computed = frozenset({"certificate_pem", "private_key_pem"})
    secret = frozenset({"private_key_pem"})

    def create(self, inputs: CertificateAuthorityInputs) -> Created:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, inputs.common_name)])
        start = datetime.now(UTC) - timedelta(hours=1)  # clocks of those who verify may lag
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=inputs.valid_days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        computed = {
            "certificate_pem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
            "private_key_pem": private,
        }
        return Created(_digest(certificate.public_bytes(Encoding.DER)), computed)


def _digest(data: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize().hex()[:32]
