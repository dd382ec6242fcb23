"""What the front door serves by itself, MTA-STS policies and views, and the names its configuration needs."""

from typing import Any

from fleet.certificates import CHAIN_FILE, KEY_FILE
from fleet.dns.certificates import policy_domains
from fleet.dns.mtasts import policy_host, policy_text
from fleet.inventory import NodeModel
from fleet.render import TreeFile
from fleet.topology import INBOUND_PORT, INBOUND_PROBE_PORT
from fleet.views import MAP_FILE, STEERING_PATH, askers, viewed_by

ASKERS_FILE = "/etc/haproxy/askers"


def files(node: NodeModel) -> list[TreeFile]:
    """A policy for each domain of the fleet that takes mail, and who may ask for views."""
    policies = [
        TreeFile(f"/etc/haproxy/policies/{policy_host(domain)}.txt", policy_text(node.fleet, mode))
        for domain, mode in policy_domains(node.fleet).items()
    ]
    return [*policies, askers_file(node)]


def askers_file(node: NodeModel) -> TreeFile:
    """The networks that views are told to, a line each."""
    return TreeFile(ASKERS_FILE, "".join(f"{network}\n" for network in askers(node.fleet)))


def views_scope(node: NodeModel) -> dict[str, Any]:
    """`views`: node -> the path where it is told of; `views_map`, `askers_file`: HAProxy's sources."""
    return {
        "views": {name: STEERING_PATH.format(node=name) for name in viewed_by(node.fleet, node.name)},
        "views_map": MAP_FILE,
        "askers_file": ASKERS_FILE,
    }


def scope(node: NodeModel) -> dict[str, Any]:
    """`policies`: the hosts of MTA-STS policies; what views need."""
    return {
        "policies": [policy_host(domain) for domain in policy_domains(node.fleet)],
        "chain_file": CHAIN_FILE,
        "key_file": KEY_FILE,
        "inbound_port": INBOUND_PORT,
        "inbound_probe_port": INBOUND_PROBE_PORT,
        **views_scope(node),
    }
