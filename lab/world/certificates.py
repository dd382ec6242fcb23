"""Server certificates of the simulated internet, signed by the world's certificate authority."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.world.spec import WorldError

VALIDITY = timedelta(days=397)


class Authority:
    """The world's certificate authority; `issue` makes server certificates."""

    def __init__(self, certificate: x509.Certificate, key: CertificateIssuerPrivateKeyTypes) -> None:
        self.certificate = certificate
        self._key = key

    @classmethod
    def read(cls, certificate: Path, key: Path) -> "Authority":
        """Load certificate and key (PEM); raises `WorldError` when either is missing or malformed."""
        try:
            loaded_key = serialization.load_pem_private_key(key.read_bytes(), password=None)
            return cls(x509.load_pem_x509_certificate(certificate.read_bytes()), _signing_key(loaded_key))
        except (OSError, ValueError) as error:
            raise WorldError(
                f"cannot load the world's certificate authority ({certificate}, {key}): {error}"
            ) from error

    def issue(self, names: Sequence[str], now: datetime) -> bytes:
        """A new P-256 key and a certificate for these DNS names, as PEM: key, certificate, authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(names, key.public_key(), now)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem = serialization.Encoding.PEM
        return private + certificate.public_bytes(pem) + self.certificate.public_bytes(pem)

    def _certificate(
        self, names: Sequence[str], key: ec.EllipticCurvePublicKey, now: datetime
    ) -> x509.Certificate:
        issuer_key = self.certificate.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(min(now + VALIDITY, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key),  # type: ignore[arg-type]
                critical=False,
            )
        )
        return builder.sign(self._key, hashes.SHA256())


def _signing_key(key: object) -> CertificateIssuerPrivateKeyTypes:
    if not hasattr(key, "sign"):
        raise ValueError("the key cannot sign")
    return key  # type: ignore[return-value]


def create_authority(common_name: str, now: datetime) -> tuple[str, str]:
    """A self-signed authority for tests and by-hand worlds: certificate and key as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
