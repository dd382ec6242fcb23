"""What a plain mail server is: Debian's Postfix as it comes, with submission over TLS and SASL.

Only what the comparison needs differs from Debian's own settings: a certificate, a submission listener,
authentication, and the name and address it sends from.
"""

from dataclasses import dataclass

DOMAIN = "plain.example"
HOST_NAME = f"mail.{DOMAIN}"
USER = "plain-app"
SENDER = f"notices@{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Secrets:
    """`password_hash` is in the form Dovecot reads; `chain_pem` holds the key and then the certificates."""

    password_hash: str
    chain_pem: str


def files(address: str, secrets: Secrets) -> dict[str, tuple[str, str]]:
    """Path, then owner:group:mode and content, of every file to write."""
    return {
        "/etc/dovecot/dovecot.conf": ("root:root:644", _DOVECOT),
        "/etc/dovecot/users": ("root:dovecot:640", f"{USER}:{secrets.password_hash}\n"),
        "/etc/postfix/chain.pem": ("root:root:600", secrets.chain_pem),
        "/etc/knot/knot.conf": ("root:knot:640", _KNOT.format(address=address, domain=DOMAIN)),
        f"/var/lib/knot/{DOMAIN}.zone": ("knot:knot:644", _zone(address)),
    }


def setup_script(resolver: str, *, reuse_tls: bool) -> str:
    """Shell commands that turn a booted machine into the plain mail server; files are in place already.

    With `reuse_tls`, encrypted connections to ISPs are used again, which Postfix leaves off by default.
    """
    settings = {
        "myhostname": HOST_NAME,
        "mydestination": "",
        "inet_protocols": "ipv4",
        "smtpd_tls_chain_files": "/etc/postfix/chain.pem",
        "smtpd_tls_security_level": "may",
        "smtp_tls_security_level": "may",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": "private/auth",
        "smtp_tls_connection_reuse": "yes" if reuse_tls else "no",
    }
    listener = {
        "syslog_name": "postfix/submissions",
        "smtpd_tls_wrappermode": "yes",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_relay_restrictions": "permit_sasl_authenticated,reject",
    }
    lines = [
        "set -eu",
        f"echo nameserver {resolver} >/etc/resolv.conf",
        "newaliases",
        *(f"postconf -e '{name} = {value}'" for name, value in settings.items()),
        "postconf -M 'submissions/inet=submissions inet n - y - - smtpd'",
        # Debian leaves the service out that holds encrypted connections open.
        *(["postconf -M 'tlsproxy/unix=tlsproxy unix - - y - 0 tlsproxy'"] if reuse_tls else []),
        *(f"postconf -P 'submissions/inet/{name}={value}'" for name, value in listener.items()),
        "systemctl start knot.service postfix.service",
        "systemctl start dovecot.service",  # Postfix makes the folder of its socket
    ]
    return "\n".join(lines) + "\n"


# The same checks, the same cache and the same hash as on the fleet's nodes.
_DOVECOT = """\
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
protocols =
log_path = syslog
auth_mechanisms = plain login
auth_allow_cleartext = yes
auth_cache_size = 1 M
auth_cache_ttl = 5 mins
auth_cache_negative_ttl = 10 s
passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
"""

# Nobody else can answer for the plain server's domain; its work is counted apart from the mail's.
_KNOT = """\
server:
    listen: {address}@53
database:
    storage: "/var/lib/knot"
zone:
  - domain: {domain}
    storage: "/var/lib/knot"
    file: "%s.zone"
"""


def _zone(address: str) -> str:
    return (
        f"$ORIGIN {DOMAIN}.\n$TTL 3600\n"
        f"@ SOA ns hostmaster 1 3600 600 86400 300\n"
        f"@ NS ns\nns A {address}\nmail A {address}\n"
        f'@ TXT "v=spf1 ip4:{address} -all"\n'
        f'_dmarc TXT "v=DMARC1; p=none"\n'
    )
