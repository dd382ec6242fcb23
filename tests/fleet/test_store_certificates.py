"""Certificates of the shared store: always the same, and two authorities that do not speak for each other."""

import ssl
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from fleet.store_certificates import Authorities, Identity

ADDRESS = IPv4Address("198.51.100.11")
OURS = Authorities("secret", "lab")


def test_the_same_secret_gives_the_same_bytes_and_another_gives_others() -> None:
    again, other = Authorities("secret", "lab"), Authorities("other", "lab")
    assert OURS.server("east-1.fleet.example", ADDRESS) == again.server("east-1.fleet.example", ADDRESS)
    assert OURS.client("failover.east-1") == again.client("failover.east-1")
    assert OURS.servers_pem == again.servers_pem
    assert OURS.servers_pem not in (other.servers_pem, OURS.clients_pem)


def test_no_two_identities_share_a_key_or_a_serial() -> None:
    found = [OURS.client("a"), OURS.client("b"), OURS.server("a", ADDRESS)]
    assert len({one.private_key_pem for one in found}) == len(found)
    certificates = [x509.load_pem_x509_certificate(one.certificate_pem.encode()) for one in found]
    assert len({one.serial_number for one in certificates}) == len(found)


def handshake(directory: Path, client_authority: str, server_authority: str, own: str) -> None:
    """A handshake in memory between a server and a client with certificate `own`; raises ssl.SSLError."""
    files = {
        "clients": OURS.clients_pem,
        "servers": OURS.servers_pem,
        **{name: one.certificate_pem + one.private_key_pem for name, one in identities().items()},
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(directory / client_authority)
    server.load_cert_chain(directory / "server")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(directory / server_authority)
    client.load_cert_chain(directory / own)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=str(ADDRESS)),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(5):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


def identities() -> dict[str, Identity]:
    return {
        "server": OURS.server("east-1.fleet.example", ADDRESS),
        "client": OURS.client("failover.east-1.fleet.example"),
        "stranger": Authorities("other", "lab").client("failover.east-1.fleet.example"),
    }


def test_a_client_is_taken_by_its_authority_and_a_server_known_by_its_address(tmp_path: Path) -> None:
    handshake(tmp_path, "clients", "servers", "client")


@pytest.mark.parametrize(
    ("client_authority", "server_authority", "own"),
    [
        ("clients", "servers", "stranger"),
        ("clients", "servers", "server"),
        ("servers", "servers", "client"),
        ("clients", "clients", "client"),
    ],
)
def test_nobody_passes_for_what_he_is_not(
    tmp_path: Path, client_authority: str, server_authority: str, own: str
) -> None:
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, client_authority, server_authority, own)
