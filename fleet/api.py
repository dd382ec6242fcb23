"""Where the HTTP API beside each failover daemon listens, and what it is told."""

from typing import Any

from fleet.api_tokens import token_hashes
from fleet.ports import API_PORT
from fleet.steering import EVENTS_FILE, LAST_GOOD_ORDERS_FILE, ORDERS_FILE, STATUS_SOCKET
from fleet.topology import Fleet, FleetNode

SETTINGS_FILE = "/etc/mtafleet/failover/api.json"
AUTHORITY_FILE = "/etc/mtafleet/failover/api-ca.pem"
CERTIFICATE_FILE = "/etc/mtafleet/failover/api.pem"
KEY_FILE = "/etc/mtafleet/failover/api.key"
USER = "mtafleet-api"
AUTHORITY = "api"
"""What its certificates are for, as they say."""


def api_settings(fleet: Fleet, node: FleetNode, secret: str) -> dict[str, Any]:
    """The JSON object that `failover/api/settings.py` describes."""
    return {
        "node": node.name,
        "nodes": {one.name: str(one.address) for one in fleet.nodes},
        "address": str(node.address),
        "port": API_PORT,
        "authority_file": AUTHORITY_FILE,
        "certificate_file": CERTIFICATE_FILE,
        "key_file": KEY_FILE,
        "token_hashes": dict(token_hashes(secret)),
        "status_socket": STATUS_SOCKET,
        "events_file": EVENTS_FILE,
        "maintenance": {"orders": ORDERS_FILE, "last_good": LAST_GOOD_ORDERS_FILE},
    }


def api_url(node: FleetNode) -> str:
    """Where `node` is asked; its certificate names this address."""
    return f"https://{node.address}:{API_PORT}"
