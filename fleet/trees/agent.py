"""What the failover daemon of a node is told, and its keys."""

import json

from fleet.handover import HAND_OVER_FILE, hand_over_settings
from fleet.inventory import NodeModel
from fleet.render import TreeFile
from fleet.steering import SECRET_FILE, TSIG_KEY_FILE, daemon_config, heartbeat_secret, tsig_key_line
from fleet.store import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, client_name
from fleet.trees.nats import authorities_of

CONFIG_FILE = "/etc/mtafleet/failover/config.json"
OWNER = "mtafleet"


def files(node: NodeModel) -> list[TreeFile]:
    """The configuration, the heartbeat secret, where peers take mail; DNS writers get two keys more."""
    config = daemon_config(node.fleet, node.name)
    tsig = node.secrets.tsig
    secret = tsig.secret.get_secret_value()
    told = [
        TreeFile(CONFIG_FILE, json.dumps(config, indent=1) + "\n", mode="0640", group=OWNER),
        _private(SECRET_FILE, heartbeat_secret(secret) + "\n"),
    ]
    if node.is_mta:
        settings = hand_over_settings(node.fleet, node.name)
        told.append(TreeFile(HAND_OVER_FILE, json.dumps(settings, indent=1) + "\n", mode="0600"))
    if config["store"] is not None:
        authorities = authorities_of(node)
        own = authorities.client(client_name(node.host))
        told += [
            TreeFile(AUTHORITY_FILE, authorities.servers_pem, mode="0640", group=OWNER),
            TreeFile(CERTIFICATE_FILE, own.certificate_pem, mode="0640", group=OWNER),
            _private(KEY_FILE, own.private_key_pem),
        ]
    if config["dns"] is not None:
        told.append(_private(TSIG_KEY_FILE, tsig_key_line(tsig.name, tsig.algorithm, secret)))
    return told


def _private(path: str, content: str) -> TreeFile:
    return TreeFile(path, content, mode="0600", owner=OWNER, group=OWNER)
