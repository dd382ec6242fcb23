"""What the failover daemon of a node is told, and its keys."""

import json

from fleet.inventory import NodeModel
from fleet.render import TreeFile
from fleet.steering import SECRET_FILE, TSIG_KEY_FILE, daemon_config, heartbeat_secret, tsig_key_line

CONFIG_FILE = "/etc/mtafleet/failover/config.json"
OWNER = "mtafleet"


def files(node: NodeModel) -> list[TreeFile]:
    """The configuration, the heartbeat secret, and the TSIG key on those that write DNS."""
    config = daemon_config(node.fleet, node.name)
    tsig = node.secrets.tsig
    secret = tsig.secret.get_secret_value()
    told = [
        TreeFile(CONFIG_FILE, json.dumps(config, indent=1) + "\n", mode="0640", group=OWNER),
        _private(SECRET_FILE, heartbeat_secret(secret) + "\n"),
    ]
    if config["dns"] is not None:
        told.append(_private(TSIG_KEY_FILE, tsig_key_line(tsig.name, tsig.algorithm, secret)))
    return told


def _private(path: str, content: str) -> TreeFile:
    return TreeFile(path, content, mode="0600", owner=OWNER, group=OWNER)
