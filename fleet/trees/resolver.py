"""The resolver's root hints, where the root is not the internet's."""

from fleet.inventory import NodeModel
from fleet.render import TreeFile


def files(node: NodeModel) -> list[TreeFile]:
    """`root.hints` when provisioning named root servers; the resolver's built-in ones otherwise."""
    hints = node.outputs.resolver.root_hints
    if not hints:
        return []
    lines = [f". 3600000 NS {one.name}.\n{one.name}. 3600000 A {one.address}\n" for one in hints]
    return [TreeFile("/etc/unbound/root.hints", "".join(lines))]
