"""Files of roles that are computed by rooms above `fleet`."""

from collections.abc import Mapping

from fleet.inventory import NodeModel
from fleet.render import Hook, TreeFile
from infra.nodesoftware import node_software, software_files

SOFTWARE_DIGEST_FILE = "/etc/mtafleet/failover/software"
ROUTER_DIGEST_FILE = "/etc/mtafleet/router/software"


def _software(_: NodeModel) -> list[TreeFile]:
    return software_files(node_software())


def _software_digest(_: NodeModel) -> list[TreeFile]:
    """Changes with the software: the daemon restarts also when an earlier run broke off in between."""
    return [TreeFile(SOFTWARE_DIGEST_FILE, node_software().digest + "\n")]


def _router_digest(_: NodeModel) -> list[TreeFile]:
    return [TreeFile(ROUTER_DIGEST_FILE, node_software().digest + "\n")]


def build_software() -> None:
    """Build what nodes run while the package index can still be reached; a lab's network knows none."""
    node_software()


HOOKS: Mapping[str, Hook] = {"software": _software, "agent": _software_digest, "router": _router_digest}
"""By role; what `fleet.trees` cannot compute because it must not import those rooms."""
