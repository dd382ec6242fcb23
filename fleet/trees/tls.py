"""What a node asks certificates for, and where it answers the challenges."""

import json
from collections.abc import Mapping
from typing import Any

from fleet.dns import certificate_names
from fleet.inventory import NodeModel
from fleet.render import TreeFile

CA_FILE = "/etc/mtafleet/acme/ca.pem"


def scope(node: NodeModel) -> Mapping[str, Any]:
    """`zone` of the challenges and the `primaries` that take signed updates for it."""
    return {
        "zone": node.fleet.acme_zone,
        "primaries": [one.address for one in node.fleet.name_servers],
    }


def files(node: NodeModel) -> list[TreeFile]:
    """The settings of `mtafleet-certificate`."""
    acme = node.outputs.acme
    settings = {
        "names": node_names(node),
        "directory": acme.directory,
        "ca_file": CA_FILE if acme.ca_certificate else None,
        "contact": node.environment.operator.contact,
        # Postfix reads certificates anew with each of its short-lived processes.
        "reload": ["haproxy.service"],
    }
    return [TreeFile("/etc/mtafleet/acme/certificate.json", json.dumps(settings, indent=2) + "\n")]


def node_names(node: NodeModel) -> list[str]:
    """The fleet's names that this node serves: all but other nodes' own, its own first."""
    foreign = {node.fleet.mx_name(one) for one in node.fleet.mta_nodes if one.name != node.name}
    own = node.fleet.mx_name(node.host)
    return [own, *(name for name in certificate_names(node.fleet) if name != own and name not in foreign)]
