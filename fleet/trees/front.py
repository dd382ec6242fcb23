"""The MTA-STS policies that the front door serves, and the names its configuration needs."""

from typing import Any

from fleet.certificates import CHAIN_FILE, KEY_FILE
from fleet.dns.certificates import policy_domains
from fleet.dns.mtasts import policy_host, policy_text
from fleet.inventory import NodeModel
from fleet.render import TreeFile
from fleet.topology import INBOUND_PORT, INBOUND_PROBE_PORT


def files(node: NodeModel) -> list[TreeFile]:
    """A policy for each domain of the fleet that takes mail."""
    return [
        TreeFile(f"/etc/haproxy/policies/{policy_host(domain)}.txt", policy_text(node.fleet, mode))
        for domain, mode in policy_domains(node.fleet).items()
    ]


def scope(node: NodeModel) -> dict[str, Any]:
    """`policies`: the hosts of MTA-STS policies."""
    return {
        "policies": [policy_host(domain) for domain in policy_domains(node.fleet)],
        "chain_file": CHAIN_FILE,
        "key_file": KEY_FILE,
        "inbound_port": INBOUND_PORT,
        "inbound_probe_port": INBOUND_PROBE_PORT,
    }
