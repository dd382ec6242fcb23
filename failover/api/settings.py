"""What the API is told: one JSON file, rendered by configuration (`fleet.api.api_settings` makes it).

{"node": "east-1", "nodes": {"east-1": "198.51.100.11", ...},   addresses of all, this one's too
 "address": "198.51.100.11", "port": 10443,                   where it listens: loopback or a private address
 "authority_file", "certificate_file", "key_file",
 "token_hashes": {"reader": SHA-256, "operator": SHA-256},    hexadecimal; a role without one has no token
 "status_socket": "/run/mtafleet/failover.sock",
 "events_file": "/var/lib/mtafleet/failover/events.jsonl",
 "maintenance": {"orders", "last_good"}}                      see failover/orders.py
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from failover.config import MaintenanceFiles
from failover.errors import ConfigError
from failover.fields import Fields, ipv4, read_json
from fleet.api_tokens import ApiRole

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    node: str
    nodes: Mapping[str, str]
    """Addresses by name."""
    address: str
    port: int
    authority_file: Path
    certificate_file: Path
    key_file: Path
    token_hashes: Mapping[ApiRole, str]
    status_socket: Path
    events_file: Path
    maintenance: MaintenanceFiles


def load_settings(path: Path) -> ApiSettings:
    """Read and check the file at `path`; ConfigError names the file, the key and what would be right."""
    return read_json(path, parse_settings)


def parse_settings(value: object) -> ApiSettings:
    """The settings in decoded JSON."""
    fields = Fields(value, "")
    maintenance = fields.inner("maintenance")
    settings = ApiSettings(
        node=fields.text("node"),
        nodes=fields.mapping("nodes", ipv4),
        address=fields.address("address"),
        port=fields.whole("port", 1, 65_535),
        authority_file=fields.path("authority_file"),
        certificate_file=fields.path("certificate_file"),
        key_file=fields.path("key_file"),
        token_hashes=_by_role(fields.mapping("token_hashes", _hash)),
        status_socket=fields.path("status_socket"),
        events_file=fields.path("events_file"),
        maintenance=MaintenanceFiles(maintenance.path("orders"), maintenance.path("last_good")),
    )
    maintenance.done()
    fields.done()
    return settings


def tls_context(settings: ApiSettings) -> ssl.SSLContext:
    """TLS 1.3 with the node's certificate; ConfigError when it or its key cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    except OSError as error:  # ssl.SSLError is one
        where = f"{settings.certificate_file}, {settings.key_file}"
        raise ConfigError(
            f"{where}: the API's certificate cannot be used: {error.strerror or error}"
        ) from None
    return context


def trust_context(settings: ApiSettings) -> ssl.SSLContext:
    """A client's that takes certificates of this fleet's authority alone; ConfigError when there is none."""
    try:
        context = ssl.create_default_context(cafile=str(settings.authority_file))
    except OSError as error:
        where = settings.authority_file
        raise ConfigError(f"{where}: the API's authority cannot be used: {error.strerror or error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _by_role(found: Mapping[str, str]) -> Mapping[ApiRole, str]:
    unknown = sorted(found.keys() - set(ApiRole))
    if unknown:
        raise ConfigError(f"token_hashes.{unknown[0]}: expected one of {', '.join(ApiRole)}")
    return {ApiRole(role): one for role, one in found.items()}


def _hash(value: object, path: str) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ConfigError(f"{path}: expected a SHA-256 in hexadecimal")
    return value
