"""Entry point of the `pulumi-resource-mtafleet` executable."""

from infra.provider.keys import CertificateAuthority, PrivateKey, SharedSecret
from infra.provider.settings import Settings
from providerkit.serve import serve

KINDS = (PrivateKey(), SharedSecret(), CertificateAuthority(), Settings())

if __name__ == "__main__":
    serve("mtafleet", "0.1.0", KINDS)
