"""keepalived: one address that moves between the nodes, held by one at a time."""

from collections.abc import Sequence
from pathlib import Path

from bench.peers.client import Place
from bench.peers.mailnode import PORT
from bench.peers.tool import Tool
from bench.peers.world import SHARED, Node

_CHECK = f"""#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/{PORT} || exit 1
read -r -t 1 line <&3 || exit 1
[[ $line == 220* ]] || exit 1
printf 'QUIT\\r\\n' >&3
"""


class KeepalivedAsShipped(Tool):
    """Advertisements once a second, and a check of the node's own SMTP banner."""

    name = "keepalived"
    setting = "as shipped (1 s)"
    program = "keepalived"
    advert_seconds = "1"
    fall = 2
    window_seconds = 8.0
    settle_seconds = 5.0

    def start(self, nodes: Sequence[Node], directory: Path) -> None:
        check = directory / "check"
        check.write_text(_CHECK)
        check.chmod(0o755)
        for number, node in enumerate(nodes):
            file = directory / f"{node.name}.conf"
            file.write_text(self._configuration(node, check, 100 - 10 * number))
            own = [f"{directory}/{node.name}.pid", f"{directory}/{node.name}-vrrp.pid"]
            words = ["keepalived", "-n", "-l", "-P", "-f", str(file), "-p", own[0], "-r", own[1]]
            self.spawn(node.command(*words), directory / f"{node.name}.log")

    async def find(self) -> Place:
        return SHARED, PORT

    def _configuration(self, node: Node, check: Path, priority: int) -> str:
        return (
            "global_defs {\n  enable_script_security\n  script_user root\n}\n"
            f'vrrp_script smtp {{\n  script "{check}"\n  interval 1\n'
            f"  timeout 1\n  fall {self.fall}\n  rise 2\n}}\n"
            "vrrp_instance mail {\n  state BACKUP\n  interface net0\n  virtual_router_id 51\n"
            f"  priority {priority}\n  advert_int {self.advert_seconds}\n"
            f"  virtual_ipaddress {{\n    {SHARED}/24 dev net0\n  }}\n"
            "  track_script {\n    smtp\n  }\n}\n"
        )


class KeepalivedFast(KeepalivedAsShipped):
    setting = "100 ms, checks 1 s"
    advert_seconds = "0.1"
    fall = 1
    window_seconds = 5.0
    settle_seconds = 3.0
