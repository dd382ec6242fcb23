"""Where things stand in the simulated internet: names and fixed addresses in 198.18.0.0/15 (RFC 2544)."""

from ipaddress import IPv4Address

from lab.world.spec import NameServer


def _server(name: str, address: str) -> NameServer:
    return NameServer(name=name, address=IPv4Address(address))


ROOT_SERVERS = (_server("a.root-servers.net", "198.18.0.1"), _server("b.root-servers.net", "198.18.0.2"))
"""What resolvers need as root hints."""

TLD_SERVERS = (_server("a.gtld-servers.net", "198.18.0.5"), _server("b.gtld-servers.net", "198.18.0.6"))
"""Serve every top-level domain, `root-servers.net` and the reverse zones."""

ACME_NAME = "acme.pki.example"
ACME_ADDRESS = IPv4Address("198.18.0.3")
ACME_PORT = 14000
ACME_MANAGEMENT_PORT = 15000
ACME_DIRECTORY = f"https://{ACME_NAME}:{ACME_PORT}/dir"

RESOLVER_NAME = "resolver.pki.example"
RESOLVER_ADDRESS = IPv4Address("198.18.0.4")
"""A resolver open to everyone in the lab, as the big public ones are."""

PKI_SERVERS = (_server("ns1.pki.example", "198.18.0.7"), _server("ns2.pki.example", "198.18.0.8"))
