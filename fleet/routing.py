"""What the router of a node is told once: its pools' transports with their steps, and how ISPs are known.

`delivery.router.settings` reads it. The sockets lie in directories of the units' own.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from fleet.catalogue import DEFAULT_ISP, Catalogue
from fleet.topology import INBOUND_PROBE_PORT, Fleet
from fleet.transports import Transport, instance_transports, steps

SETTINGS_FILE = "/etc/mtafleet/router/settings.json"
FRONT_SOCKET = "/run/mtafleet-front/map.sock"
"""Where Postfix asks."""
ROUTER_SOCKET = "/run/mtafleet-router/router.sock"
PLAN_FILE = "/var/lib/mtafleet/delivery/plan.json"
EVENTS_FILE = "/var/lib/mtafleet/delivery/router-events.jsonl"
RESOLVER = "127.0.0.1"
SOCKET_GROUP = "postfix"
SECONDS_PER_HOUR = 3600


def router_settings(fleet: Fleet, catalogue: Catalogue, node_name: str, as_of: date) -> dict[str, Any]:
    """The settings of the node called `node_name`; addresses have the standing of the day `as_of`."""
    node = fleet.node(node_name)
    whole = instance_transports(fleet, catalogue, as_of)
    found = {pool: instance for (name, pool), instance in whole.items() if name == node_name}
    returns = f"relay:[{node.address}]:{INBOUND_PROBE_PORT}"
    return {
        "node": node.name,
        "routes": {
            pool: {isp: [_route(one) for one in group] for isp, group in instance.by_isp.items()}
            for pool, instance in found.items()
        },
        "suffixes": {
            suffix.removeprefix("."): isp.isp for isp in catalogue.isps.values() for suffix in isp.mx_suffixes
        },
        "domains": {domain: isp.isp for isp in catalogue.isps.values() for domain in isp.domains},
        "fixed": {f"{spec.return_path}.{name}": returns for name, spec in fleet.environment.domains.items()},
        "default_isp": DEFAULT_ISP,
        "resolver": RESOLVER,
        "front_socket": FRONT_SOCKET,
        "router_socket": ROUTER_SOCKET,
        "socket_group": SOCKET_GROUP,
        "plan_file": PLAN_FILE,
        "events_file": EVENTS_FILE,
    }


def _route(full: Transport) -> Mapping[str, Any]:
    return {"address": str(full.bind_address), "steps": [_step(one) for one in steps(full)]}


def _step(transport: Transport) -> Mapping[str, Any]:
    delay = transport.rate_delay_seconds
    return {
        "transport": transport.name,
        "connections": transport.destination_concurrency_limit,
        "messages_per_hour": SECONDS_PER_HOUR // delay if delay else None,
    }
