"""Whether any node can be reached from here."""

import socket
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from fleet.inventory import NodeOutput

CONNECT_TIMEOUT_SECONDS = 4.0


def reachable(nodes: Collection[NodeOutput], timeout_seconds: float = CONNECT_TIMEOUT_SECONDS) -> bool:
    """Whether a connection to the SSH port of at least one of `nodes` opens; all are tried at once."""

    def opens(node: NodeOutput) -> bool:
        try:
            with socket.create_connection((node.ssh_host, node.ssh_port), timeout_seconds):
                return True
        except OSError:
            return False

    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as workers:
        return any(workers.map(opens, nodes))
