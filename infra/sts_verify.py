"""Fetches MTA-STS policies from every node that serves them and compares them with what was meant."""

import http.client
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from fleet.dns.certificates import policy_domains
from fleet.dns.compare import Difference, Kind
from fleet.dns.hosted import PublicAddresses
from fleet.dns.mtasts import policy_host, policy_text
from fleet.topology import Fleet
from infra.dns_verify import View

PATH = "/.well-known/mta-sts.txt"
TIMEOUT_SECONDS = 3.0
LONGEST_POLICY_BYTES = 65_536
"""RFC 8461, 3.3: what a sender takes at most."""

LEAST_VALIDITY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Served:
    """What one host answered: an HTTP status, the body, and the certificate's names and end."""

    status: int
    text: str
    names: frozenset[str]
    expires: datetime


Fetch = Callable[[str, str], Served]
"""`(address, host) -> Served`; raises OSError or http.client.HTTPException."""


def fetch(address: str, host: str) -> Served:
    """The policy that `address` serves for `host`, whoever signed its certificate.

    Trust in the authority is not judged here: a lab's is known to its machines only.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((address, 443), TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
        connection = http.client.HTTPConnection(host)
        connection.sock = secured
        connection.request("GET", PATH)
        response = connection.getresponse()
        body = response.read(LONGEST_POLICY_BYTES).decode(errors="replace")
        return Served(response.status, body, _names(certificate), certificate.not_valid_after_utc)


def verify_policies(
    fleet: Fleet,
    fetch_policy: Fetch = fetch,
    now: datetime | None = None,
    public: PublicAddresses | None = None,
) -> View:
    """Every policy at every node: its text, its certificate's name and remaining validity.

    `public` are the addresses that the world sees where they are translated.
    """
    moment = now or datetime.now(UTC)
    differences = []
    checked = 0
    for node in fleet.mta_nodes:
        address = (public or {}).get(node.address, node.address)
        for domain, mode in policy_domains(fleet).items():
            host = policy_host(domain)
            checked += 1
            expected = policy_text(fleet, mode)
            try:
                found = _fault(fetch_policy(str(address), host), host, expected, moment)
            except (OSError, ValueError, http.client.HTTPException) as error:
                found = (Kind.NO_ANSWER, str(error) or type(error).__name__)
            if found:
                view = f"policy at {node.name} ({address})"
                differences.append(Difference(view, host, "HTTPS", found[0], _short(expected), found[1]))
    return View("MTA-STS policies", checked, tuple(differences))


def _fault(served: Served, host: str, expected: str, now: datetime) -> tuple[Kind, str] | None:
    if served.status != 200:
        return Kind.DIFFERENT, f"HTTP status {served.status}"
    if served.text != expected:
        return Kind.DIFFERENT, _short(served.text)
    if host not in served.names:
        return Kind.DIFFERENT, f"a certificate for {', '.join(sorted(served.names)) or 'no name'}"
    if served.expires < now + LEAST_VALIDITY:
        return Kind.DIFFERENT, f"a certificate that ends {served.expires:%Y-%m-%d %H:%M} UTC"
    return None


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(names.value.get_values_for_type(x509.DNSName))


def _short(text: str) -> str:
    return " / ".join(text.split("\r\n")).strip(" /")
