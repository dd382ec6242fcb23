"""Certificates of the shared store and of the daemons' HTTP API, for the operator's machine (nodes have no
`cryptography`).

All of one kind follow from one secret of the stack, byte for byte the same at each run: Ed25519 keys are
derived from the secret and a name, its signatures have no randomness, and validity has fixed ends. A node
is given its own key and never the secret. Two authorities keep apart who may be a server and who a client.

The certificates outlive any fleet on purpose: one that ran out would take the quorum away. A key that has
become known is made worthless by another secret.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FROM, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
_SERIAL_BYTES = 19
"""RFC 5280 allows 20, the first bit being zero."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key (PKCS #8), both PEM."""

    certificate_pem: str
    private_key_pem: str


class Authorities:
    """Everything that is derived from `secret`."""

    def __init__(self, secret: str, fleet: str, what: str = "store") -> None:
        """`fleet`, and `what` the certificates are for, are shown in them."""
        self._secret = secret.encode()
        self._fleet = fleet
        self._what = what

    @property
    def servers_pem(self) -> str:
        """The authority of servers: held by clients and by the other servers."""
        return _pem(self._root("servers"))

    @property
    def clients_pem(self) -> str:
        """The authority of clients: held by servers."""
        return _pem(self._root("clients"))

    def server(self, name: str, address: IPv4Address) -> Identity:
        """For a server at `address`; servers show it to each other as well."""
        names = [x509.DNSName(name), x509.IPAddress(address)]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._issue("servers", name, names, usages)

    def client(self, name: str) -> Identity:
        """For a client that the servers know as `name`."""
        return self._issue("clients", name, [x509.DNSName(name)], [ExtendedKeyUsageOID.CLIENT_AUTH])

    def _root(self, kind: str) -> x509.Certificate:
        key = self._key(f"authority of {kind}")
        name = self._name(kind)
        builder = self._builder(kind, name, name, key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = _usage(key_cert_sign=True)
        return builder.add_extension(usage, critical=True).sign(key, algorithm=None)

    def _issue(
        self, kind: str, name: str, names: list[x509.GeneralName], usages: list[x509.ObjectIdentifier]
    ) -> Identity:
        issuer = self._key(f"authority of {kind}")
        label = f"{kind}: {name}"
        key = self._key(label)
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, kind)])
        certificate = (
            self._builder(label, subject, self._name(kind), key)
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(key_cert_sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
            )
            .sign(issuer, algorithm=None)
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Identity(_pem(certificate), private.decode())

    def _builder(
        self, label: str, subject: x509.Name, issuer: x509.Name, key: Ed25519PrivateKey
    ) -> x509.CertificateBuilder:
        serial = int.from_bytes(self._derive(f"serial of {label}")[:_SERIAL_BYTES]) | 1
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(FROM)
            .not_valid_after(UNTIL)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def _name(self, kind: str) -> x509.Name:
        text = f"mtafleet {self._fleet} {self._what} {kind}"[:64]
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def _key(self, label: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._derive(f"key of {label}"))

    def _derive(self, label: str) -> bytes:
        return hmac.digest(self._secret, f"mtafleet {self._what}, {label}".encode(), hashlib.sha256)


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
