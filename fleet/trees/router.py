"""What the router of a node is told."""

import json
from datetime import UTC, datetime

from fleet.catalogue import Catalogue
from fleet.inventory import NodeModel
from fleet.render import TreeFile
from fleet.routing import SETTINGS_FILE, router_settings


def files(node: NodeModel) -> list[TreeFile]:
    """Its settings. The day matters: addresses gain standing with weeks of sending."""
    settings = router_settings(node.fleet, Catalogue.load(), node.name, datetime.now(UTC).date())
    return [TreeFile(SETTINGS_FILE, json.dumps(settings, indent=1) + "\n")]
