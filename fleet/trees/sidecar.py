"""What the sidecar shares with the front door of nodes: its unit's settings and how states are saved."""

from fleet.inventory import NodeModel
from fleet.paths import project_root
from fleet.render import TreeFile

SHARED = {
    "etc/systemd/system/haproxy.service.d/mtafleet.conf": "0644",
    "usr/local/lib/mtafleet/save-server-state": "0755",
}


def files(node: NodeModel) -> list[TreeFile]:
    """The shared files, as the role `front` ships them."""
    front = project_root() / "templates/front"
    return [TreeFile(f"/{path}", (front / path).read_bytes(), mode) for path, mode in SHARED.items()]
