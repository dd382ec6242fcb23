"""Whose certificates this node believes: other nodes' of the fleet."""

import ssl
from pathlib import Path

_PEM_END = "-----END CERTIFICATE-----"


def trust(chain_file: Path) -> ssl.SSLContext:
    """The system's authorities, and whoever issued this node's own certificate: so did its peers'.

    OSError when the chain cannot be read.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an issuer counts without its root
    _own, *issuers = chain_file.read_text("ascii", "replace").split(_PEM_END)
    if issuers := [one for one in issuers if one.strip()]:
        context.load_verify_locations(cadata="".join(f"{one}{_PEM_END}\n" for one in issuers))
    return context
