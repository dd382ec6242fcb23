"""A server of the fleet's shared store: its certificate, and whom it admits."""

from collections.abc import Mapping
from typing import Any

from fleet.inventory import NodeModel
from fleet.render import TreeFile
from fleet.store import client_name, clients
from fleet.store_certificates import Authorities

DIRECTORY = "/etc/mtafleet/nats"
OWNER = "nats"


def scope(node: NodeModel) -> Mapping[str, Any]:
    """`users`, the names that clients show; `peers`, the other servers."""
    return {
        "users": [client_name(one) for one in clients(node.fleet)],
        "peers": [one for one in node.fleet.store_nodes if one.name != node.name],
    }


def files(node: NodeModel) -> list[TreeFile]:
    """The server's certificate and key, and the two authorities."""
    if not node.keeps_store:
        return []
    authorities = authorities_of(node)
    own = authorities.server(node.fqdn, node.address)
    return [
        _readable("servers-ca.pem", authorities.servers_pem),
        _readable("clients-ca.pem", authorities.clients_pem),
        _readable("server.pem", own.certificate_pem),
        TreeFile(f"{DIRECTORY}/server.key", own.private_key_pem, mode="0600", owner=OWNER, group=OWNER),
    ]


def authorities_of(node: NodeModel) -> Authorities:
    """The authorities of the fleet's store."""
    return Authorities(node.secrets.store.get_secret_value(), node.environment.environment)


def _readable(name: str, content: str) -> TreeFile:
    return TreeFile(f"{DIRECTORY}/{name}", content, mode="0640", group=OWNER)
