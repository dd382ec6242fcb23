"""The witness's HAProxy: what it tells of the nodes, and what it shares with their front doors."""

from typing import Any

from fleet.certificates import CHAIN_FILE, KEY_FILE
from fleet.inventory import NodeModel
from fleet.render import TreeFile
from fleet.trees import front, sidecar


def files(node: NodeModel) -> list[TreeFile]:
    """Who may ask, and the unit's settings."""
    return [front.askers_file(node), *sidecar.files(node)]


def scope(node: NodeModel) -> dict[str, Any]:
    """As on the nodes; the certificate is one of its own making."""
    return {"chain_file": CHAIN_FILE, "key_file": KEY_FILE, **front.views_scope(node)}
