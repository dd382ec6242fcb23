"""The resource kinds of the `mtafleet` provider, for its executable."""

from infra.provider.keys import CertificateAuthority, PrivateKey, SharedSecret
from infra.provider.settings import Settings

KINDS = (PrivateKey(), SharedSecret(), CertificateAuthority(), Settings())
