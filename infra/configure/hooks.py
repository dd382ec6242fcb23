"""Files of roles that are computed by rooms above `fleet`."""

from collections.abc import Mapping

from fleet.inventory import NodeModel
from fleet.render import Hook, TreeFile
from infra.nodesoftware import node_software, software_files


def _software(_: NodeModel) -> list[TreeFile]:
    return software_files(node_software())


def build_software() -> None:
    """Build what nodes run while the package index can still be reached; a lab's network knows none."""
    node_software()


HOOKS: Mapping[str, Hook] = {"software": _software}
"""By role; what `fleet.trees` cannot compute because it must not import those rooms."""
