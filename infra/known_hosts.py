"""The host keys that nodes must show, as OpenSSH reads them."""

from fleet.inventory import NodeOutput


def known_host(node: NodeOutput) -> str:
    """A node's line in a file of known hosts."""
    host = node.ssh_host if node.ssh_port == 22 else f"[{node.ssh_host}]:{node.ssh_port}"
    return f"{host} {node.host_key.strip()}\n"
