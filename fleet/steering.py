"""What the failover daemon of a node is told: its configuration file and its two keys.

The files go to `SECRET_FILE` and `TSIG_KEY_FILE` (0600) and to wherever the unit's `--config` points;
`python3 -m failover --config FILE check` accepts or refuses them as a whole.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from ipaddress import IPv4Address
from typing import Any

from fleet.certificates import CHAIN_FILE
from fleet.invariants import messages_per_hour
from fleet.store import store_access
from fleet.topology import HEARTBEAT_PORT, INBOUND_PROBE_PORT, SESSIONS_PORT, Fleet, FleetNode
from fleet.transports import stage_of
from fleet.views import view_settings

SECRET_FILE = "/etc/mtafleet/failover/heartbeat.key"  # noqa: S105  a path
TSIG_KEY_FILE = "/etc/mtafleet/failover/tsig.key"
HAPROXY_SOCKET = "/run/haproxy/admin.sock"
STATUS_SOCKET = "/run/mtafleet/failover.sock"
ORDERS_FILE = "/var/lib/mtafleet/maintenance/orders.json"
LAST_GOOD_ORDERS_FILE = "/var/lib/mtafleet/failover/maintenance.json"
VITALS_FILE = "/run/mtafleet-vitals/vitals.json"
STATE_FILE = "/var/lib/mtafleet/failover/state.json"
EVENTS_FILE = "/var/lib/mtafleet/failover/events.jsonl"
INBOUND = "inbound"
SESSION_INTERVAL_MILLISECONDS = 10_000
SESSION_TIMEOUT_MILLISECONDS = 1_000
LEASE_TERM_MILLISECONDS = 3_000
"""A writer of DNS that dies is followed by another after a little longer; see docs/architecture.md."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """Where Route 53 hosts the steered names, and what the world sees of the addresses in them."""

    zone_id: str
    public: Mapping[IPv4Address, IPv4Address]
    """By private address."""


def daemon_config(
    fleet: Fleet, node_name: str, as_of: date | None = None, hosted: Hosted | None = None
) -> dict[str, Any]:
    """The JSON object that `failover/config.py` describes, for the node called `node_name`.

    MTA nodes steer their own HAProxy and may write DNS; the application host steers its own
    HAProxy only; the witness steers nothing. MTA nodes and the witness tell health checkers what they see.
    Addresses are as warm as they are on the day `as_of`, today if that is None: later they carry more, never
    less. `hosted`: the daemons write the steered names into Route 53.
    """
    node = fleet.node(node_name)
    return {
        "node": node.name,
        "secret_file": SECRET_FILE,
        "heartbeat": {"address": str(node.address), "port": HEARTBEAT_PORT},
        "peers": [_peer(fleet, one) for one in fleet.nodes],
        "pools": _pools(fleet),
        "policy": _policy(fleet),
        "haproxy": None if node.role == "witness" else _front_door(),
        "dns": _dns(fleet, hosted) if node.role == "mta" else None,
        "views": view_settings(fleet, node, HAPROXY_SOCKET),
        "store": store_access(fleet, node) if node.role == "mta" else None,
        "safety": _safety(fleet, as_of or datetime.now(UTC).date()),
        "seeing": _seeing(fleet, node),
        "state_file": STATE_FILE,
        "maintenance": {"orders": ORDERS_FILE, "last_good": LAST_GOOD_ORDERS_FILE},
        "status_socket": STATUS_SOCKET,
        "events_file": EVENTS_FILE,
    }


def _front_door() -> dict[str, Any]:
    return {"socket": HAPROXY_SOCKET, "sessions_port": SESSIONS_PORT}


def _peer(fleet: Fleet, node: FleetNode) -> dict[str, Any]:
    probes: dict[str, int] = {}
    if node.role == "mta":
        probes = {one.pool: one.probe_port for one in fleet.pools if node.entry_address(one.pool)}
        probes[INBOUND] = INBOUND_PROBE_PORT
    return {
        "name": node.name,
        "site": node.site,
        "role": node.role,
        "address": str(node.address),
        "heartbeat_port": HEARTBEAT_PORT,
        "probes": probes,
    }


def _pools(fleet: Fleet) -> dict[str, Any]:
    pools: dict[str, Any] = {
        one.pool: {
            "backends": [f"pool_{one.pool}_smtps", f"pool_{one.pool}_submission"],
            "entries": _entries(fleet, one.pool),
            "entry_port": 587,
        }
        for one in fleet.pools
    }
    pools[INBOUND] = {"backends": [INBOUND], "entries": {}, "entry_port": 25}
    return pools


def _entries(fleet: Fleet, pool: str) -> dict[str, str]:
    return {node.name: str(node.entry_address(pool)) for node in fleet.members(pool)}


def _policy(fleet: Fleet) -> dict[str, Any]:
    policy = fleet.environment.failover
    return {
        "heartbeat_interval_milliseconds": policy.heartbeat_interval_milliseconds,
        "probe_interval_milliseconds": policy.probe_interval_milliseconds,
        "probe_timeout_milliseconds": policy.probe_timeout_milliseconds,
        "fall": policy.fall,
        "rise": policy.rise,
        "observers": policy.observers,
        "session_interval_milliseconds": SESSION_INTERVAL_MILLISECONDS,
        "session_timeout_milliseconds": SESSION_TIMEOUT_MILLISECONDS,
        "floor_percent": policy.floor_percent,
    }


def _safety(fleet: Fleet, as_of: date) -> dict[str, Any]:
    policy = fleet.environment.failover
    return {
        "answer_floor_percent": policy.answer_floor_percent or policy.floor_percent,
        "most_ejected_percent": policy.most_ejected_percent or 100,
        "eject_regions": policy.eject_regions,
        "hold_down": {
            "base_seconds": policy.hold_down_base_seconds,
            "most_seconds": policy.hold_down_most_seconds,
            "window_seconds": policy.flap_window_seconds,
            "budget": policy.flap_budget,
        },
        "slow_return": {
            "weights_percent": list(policy.return_weights_percent),
            "step_milliseconds": policy.return_step_milliseconds,
        },
        "capacity": _capacity(fleet, as_of),
    }


def _seeing(fleet: Fleet, node: FleetNode) -> dict[str, Any]:
    """Nodes with queues tell how they are; all heed it by the same limits."""
    policy = fleet.environment.failover
    return {
        "vitals_file": VITALS_FILE if node.role == "mta" else None,
        "certificate_file": CHAIN_FILE if node.role == "mta" else None,
        "limits": {
            "least_disk_free_percent": policy.least_disk_free_percent,
            "most_untaken_seconds": policy.most_untaken_seconds,
            "most_waiting_messages": policy.most_waiting_messages,
            "most_cpu_pressure_percent": policy.most_cpu_pressure_percent,
        },
    }


def _capacity(fleet: Fleet, as_of: date) -> dict[str, Any]:
    """What each node's addresses carry on the day `as_of`, of pools that say what they must carry."""
    environment = fleet.environment
    found: dict[str, Any] = {}
    for name, pool in environment.pools.items():
        if pool.peak_messages_per_hour is None:
            continue
        each = messages_per_hour(environment.capacity, stage_of(pool.warm_since, as_of))
        found[name] = {
            "messages_per_hour": {node: each * len(addresses) for node, addresses in pool.addresses.items()},
            "peak_messages_per_hour": pool.peak_messages_per_hour,
        }
    return found


def steered_names(fleet: Fleet) -> dict[str, dict[str, str]]:
    """Every steered name with the address of each node it names while all are in service."""
    main_addresses = {node.name: str(node.address) for node in fleet.mta_nodes}
    return {
        **{one.submission_name: _entries(fleet, one.pool) for one in fleet.pools},
        fleet.sts_name: main_addresses,
    }


def _dns(fleet: Fleet, hosted: Hosted | None) -> dict[str, Any]:
    """Without primaries where a DNS host steers: entries are judged all the same, nobody writes a zone."""
    primaries = fleet.name_servers if fleet.answers_for_its_zones else ()
    pools = {one.submission_name: one.pool for one in fleet.pools}
    return {
        "zone": fleet.environment.operator.steered_zone,
        "primaries": [
            {"name": fleet.name_server_name(one), "address": str(one.address), "port": 53}
            for one in primaries
        ],
        "tsig_key_file": TSIG_KEY_FILE,
        "ttl_seconds": fleet.environment.failover.dns_ttl_seconds,
        # A store's leader that dies together with DNS's writer costs most time: so those without come first.
        "writers": [one.name for one in sorted(fleet.mta_nodes, key=lambda node: node in fleet.store_nodes)],
        "lease_term_milliseconds": LEASE_TERM_MILLISECONDS,
        **({"route53": {"zone_id": hosted.zone_id}} if hosted else {}),
        "records": [
            {"name": name, "pool": pools.get(name), "addresses": _published(addresses, hosted)}
            for name, addresses in steered_names(fleet).items()
        ],
    }


def _published(addresses: Mapping[str, str], hosted: Hosted | None) -> dict[str, str]:
    """By node, as the answers have them."""
    public = hosted.public if hosted else {}
    return {node: str(public.get(IPv4Address(one), one)) for node, one in addresses.items()}


def heartbeat_secret(tsig_secret: str) -> str:
    """The secret that all nodes share for heartbeats, derived from the base64 TSIG secret.

    Nodes that must not write DNS get this and not the TSIG key; there is no way back from one to the other.
    """
    return hmac.digest(tsig_secret.encode(), b"mtafleet heartbeat", hashlib.sha256).hex()


def tsig_key_line(name: str, algorithm: str, secret: str) -> str:
    """The key as kdig, knsupdate and the daemon read it: `hmac-sha256:NAME:BASE64`."""
    return f"{algorithm}:{name}:{secret}\n"
