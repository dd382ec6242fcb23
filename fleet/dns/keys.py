"""Public halves of DKIM keys, for the operator's machine (nodes have no `cryptography`)."""

from base64 import b64encode
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from fleet.dns.model import DkimPublicKey, DnsError


def public_key(private_pem: str) -> DkimPublicKey:
    """The public half of a private key in PEM; raises DnsError when it is no RSA or Ed25519 key."""
    try:
        key = load_pem_private_key(private_pem.encode(), password=None)
    except ValueError:
        # The library's own message may quote the input.
        raise DnsError("a DKIM private key is not readable PEM") from None
    if isinstance(key, RSAPrivateKey):
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return DkimPublicKey("rsa", b64encode(der).decode())
    if isinstance(key, Ed25519PrivateKey):
        # RFC 8463: the bare 32 bytes, without the wrapping that RSA keys carry.
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return DkimPublicKey("ed25519", b64encode(raw).decode())
    raise DnsError("a DKIM private key is neither RSA nor Ed25519")


def public_keys(private_pems: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, DkimPublicKey]]:
    """Public keys by domain and selector, from private ones."""
    return {
        domain: {selector: public_key(pem) for selector, pem in selectors.items()}
        for domain, selectors in private_pems.items()
    }
