"""The plain server's settings."""

from bench.plain_files import Secrets, files, setup_script

HELD = Secrets("{CRYPT}$6$x", "KEY\nCHAIN")


def test_secrets_are_readable_by_their_servers_only() -> None:
    made = files("192.0.2.201", HELD)
    rights = {
        path: made[path][0] for path, (_, content) in made.items() if "CRYPT" in content or "KEY" in content
    }
    assert rights == {"/etc/dovecot/users": "root:dovecot:640", "/etc/postfix/chain.pem": "root:root:600"}


def test_its_zone_lets_its_address_send() -> None:
    zone = files("192.0.2.201", HELD)["/var/lib/knot/plain.example.zone"][1]
    assert '@ TXT "v=spf1 ip4:192.0.2.201 -all"' in zone
    assert "mail A 192.0.2.201" in zone


def test_encrypted_connections_are_used_again_only_on_demand() -> None:
    assert "smtp_tls_connection_reuse = no" in setup_script("198.18.0.4", reuse_tls=False)
    assert "smtp_tls_connection_reuse = yes" in setup_script("198.18.0.4", reuse_tls=True)
