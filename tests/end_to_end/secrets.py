"""The fleet's secrets in every form in which they might be left somewhere, and the search for them."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fleet.api import AUTHORITY
from fleet.api_tokens import ApiRole, token
from fleet.return_path import return_path_key
from fleet.steering import heartbeat_secret
from fleet.store import client_name, clients
from fleet.store_certificates import Authorities
from tests.end_to_end.system import System

LARGEST_BYTES = 64 * 1024 * 1024


def plain_secrets(system: System) -> dict[str, bytes]:
    """What each secret looks like, by what it is. Keys are known by a line out of their middle."""
    secrets = system.outputs.secrets
    found: dict[str, bytes] = {}
    for user, password in secrets.users.items():
        plain = password.get_secret_value()
        found[f"password of {user}"] = plain.encode()
        found[f"login of {user}"] = base64.b64encode(f"\0{user}\0{plain}".encode())
    for domain, selectors in secrets.dkim.items():
        for selector, pem in selectors.items():
            found[f"DKIM key {selector} of {domain}"] = _middle(pem.get_secret_value())
    tsig = secrets.tsig.secret.get_secret_value()
    found["TSIG secret"] = tsig.encode()
    found["heartbeat secret"] = heartbeat_secret(tsig).encode()
    found["key of return paths"] = return_path_key(tsig).encode()
    store = secrets.store.get_secret_value()
    found["store secret"] = store.encode()
    authorities = Authorities(store, system.fleet.environment.environment)
    for node in system.fleet.store_nodes:
        own = authorities.server(node.fqdn, node.address)
        found[f"store server key of {node.name}"] = _middle(own.private_key_pem)
    for node in clients(system.fleet):
        own = authorities.client(client_name(node))
        found[f"store client key of {node.name}"] = _middle(own.private_key_pem)
    assert secrets.api is not None
    api = secrets.api.get_secret_value()
    found["api secret"] = api.encode()
    found |= {f"api token of {role}": token(api, role).encode() for role in ApiRole}
    issuer = Authorities(api, system.fleet.environment.environment, AUTHORITY)
    for node in system.fleet.nodes:
        own = issuer.server(node.fqdn, node.address)
        found[f"api key of {node.name}"] = _middle(own.private_key_pem)
    found["SSH key"] = _middle(secrets.ssh_private_key.get_secret_value())
    return found


def _middle(pem: str) -> bytes:
    lines = [line for line in pem.splitlines() if line and not line.startswith("-----")]
    return lines[len(lines) // 2].encode()


def present(secrets: Mapping[str, bytes], content: bytes) -> list[str]:
    """Which of the secrets are in there."""
    return [name for name, plain in secrets.items() if plain in content]


def files_with(secrets: Mapping[str, bytes], files: Iterable[Path]) -> dict[str, list[str]]:
    """File -> the secrets in it."""
    found = {}
    for file in files:
        try:
            names = present(secrets, file.read_bytes())
        except OSError:
            continue  # gone meanwhile
        if names:
            found[str(file)] = names
    return found


def files_below(place: Path, changed_after: float) -> Iterator[Path]:
    """Regular files on the same file system, written since `changed_after` (Unix time)."""
    try:
        device = place.stat().st_dev
    except OSError:
        return
    pending = [place]
    while pending:
        try:
            entries = list(pending.pop().iterdir())
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.lstat()
            except OSError:
                continue
            if entry.is_symlink() or status.st_dev != device:
                continue
            if entry.is_dir():
                pending.append(entry)
            elif entry.is_file() and status.st_ctime >= changed_after and status.st_size <= LARGEST_BYTES:
                yield entry
