"""What the failover daemon of a node is told, and its keys."""

import json

from fleet.api import AUTHORITY, api_settings
from fleet.api import AUTHORITY_FILE as API_AUTHORITY_FILE
from fleet.api import CERTIFICATE_FILE as API_CERTIFICATE_FILE
from fleet.api import KEY_FILE as API_KEY_FILE
from fleet.api import SETTINGS_FILE as API_SETTINGS_FILE
from fleet.api import USER as API_USER
from fleet.canary import PASSWORD_FILE, canary_password
from fleet.checks import check_settings
from fleet.handover import HAND_OVER_FILE, hand_over_settings
from fleet.inventory import NodeModel
from fleet.render import TreeFile
from fleet.steering import SECRET_FILE, TSIG_KEY_FILE, Hosted, daemon_config, heartbeat_secret, tsig_key_line
from fleet.store import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, client_name
from fleet.store_certificates import Authorities
from fleet.trees.dns import published_zones
from fleet.trees.nats import authorities_of

CONFIG_FILE = "/etc/mtafleet/failover/config.json"
OWNER = "mtafleet"


def files(node: NodeModel) -> list[TreeFile]:
    """The configuration, the heartbeat secret, where peers take mail, the API; DNS writers: 2 keys more."""
    config = daemon_config(node.fleet, node.name, hosted=_hosted(node))
    zones = published_zones(node.fleet, node.secrets)
    checks = check_settings(node.fleet, node.host, zones, node.outputs.public_addresses)
    config["seeing"]["checks"] = checks
    tsig = node.secrets.tsig
    secret = tsig.secret.get_secret_value()
    told = [
        TreeFile(CONFIG_FILE, json.dumps(config, indent=1) + "\n", mode="0640", group=OWNER),
        _private(SECRET_FILE, heartbeat_secret(secret) + "\n"),
    ]
    if node.is_mta:
        settings = hand_over_settings(node.fleet, node.name)
        told.append(TreeFile(HAND_OVER_FILE, json.dumps(settings, indent=1) + "\n", mode="0600"))
    if checks is not None and checks["canary"] is not None:
        told.append(_private(PASSWORD_FILE, canary_password(secret) + "\n"))
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
    return [*told, *_api(node)]


def _hosted(node: NodeModel) -> Hosted | None:
    zone_id = node.outputs.steered_zone_id
    return Hosted(zone_id, node.outputs.public_addresses) if zone_id is not None else None


def _api(node: NodeModel) -> list[TreeFile]:
    """What the HTTP API is told. Its user is not the daemon's, and reads none of the daemon's keys."""
    if node.secrets.api is None:
        return []
    secret = node.secrets.api.get_secret_value()
    authorities = Authorities(secret, node.environment.environment, AUTHORITY)
    own = authorities.server(node.fqdn, node.address)
    settings = api_settings(node.fleet, node.host, secret)
    return [
        TreeFile(API_SETTINGS_FILE, json.dumps(settings, indent=1) + "\n", mode="0640", group=API_USER),
        TreeFile(API_AUTHORITY_FILE, authorities.servers_pem, mode="0640", group=API_USER),
        TreeFile(API_CERTIFICATE_FILE, own.certificate_pem, mode="0640", group=API_USER),
        TreeFile(API_KEY_FILE, own.private_key_pem, mode="0600", owner=API_USER, group=API_USER),
    ]


def _private(path: str, content: str) -> TreeFile:
    return TreeFile(path, content, mode="0600", owner=OWNER, group=OWNER)
