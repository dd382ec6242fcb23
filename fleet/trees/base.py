"""What every machine is told about its own addresses."""

import json

from fleet.inventory import NodeModel
from fleet.render import TreeFile

ADDRESSES_FILE = "/etc/mtafleet/addresses.json"


def files(node: NodeModel) -> list[TreeFile]:
    """On AWS, what a mail server answers for; a lab's machines are given their addresses from outside."""
    if not (node.is_mta and node.fleet.machines_bring_up_addresses):
        return []
    told = {
        "own": str(node.address),
        "network": str(node.fleet.site_networks()[node.host.site]),
        "sending": sorted(str(one.address) for one in node.host.sending),
    }
    return [TreeFile(ADDRESSES_FILE, json.dumps(told, indent=1) + "\n")]
