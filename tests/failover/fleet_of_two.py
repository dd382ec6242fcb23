"""A small valid daemon configuration that tests change to their liking."""

from pathlib import Path
from typing import Any

from failover.config import Config, parse_config


def configuration(directory: Path = Path("/nowhere"), **changes: Any) -> dict[str, Any]:
    """Two MTA nodes `east-1` and `west-1` with one pool each, as decoded JSON."""
    addresses = {"east-1": "127.0.0.1", "west-1": "127.0.0.2"}
    value: dict[str, Any] = {
        "node": "east-1",
        "secret_file": str(directory / "heartbeat.key"),
        "heartbeat": {"address": "127.0.0.1", "port": 7946},
        "peers": [
            {
                "name": name,
                "site": name.partition("-")[0],
                "role": "mta",
                "address": address,
                "heartbeat_port": 7946,
                "probes": {"orders": 11025},
            }
            for name, address in addresses.items()
        ],
        "pools": {"orders": {"backends": ["pool_orders_smtps"], "entries": addresses, "entry_port": 587}},
        "policy": {
            "heartbeat_interval_milliseconds": 100,
            "probe_interval_milliseconds": 100,
            "probe_timeout_milliseconds": 200,
            "fall": 2,
            "rise": 3,
            "session_interval_milliseconds": 5000,
            "session_timeout_milliseconds": 1000,
            "floor_percent": 50,
        },
        "safety": {
            "answer_floor_percent": 50,
            "most_ejected_percent": 50,
            "eject_regions": True,
            "hold_down": {"base_seconds": 0, "most_seconds": 0, "window_seconds": 60, "budget": 10},
            "slow_return": {"weights_percent": [], "step_milliseconds": 1000},
            "capacity": {
                "orders": {
                    "messages_per_hour": {"east-1": 1000, "west-1": 1000},
                    "peak_messages_per_hour": 500,
                }
            },
        },
        "state_file": str(directory / "state.json"),
        "haproxy": {"socket": str(directory / "admin.sock")},
        "dns": {
            "zone": "submit.fleet.example",
            "primaries": [{"name": "ns-east", "address": "127.0.0.1", "port": 53}],
            "tsig_key_file": str(directory / "tsig.key"),
            "ttl_seconds": 5,
            "writers": ["east-1", "west-1"],
            "lease_term_milliseconds": 3000,
            "records": [{"name": "orders.submit.fleet.example", "pool": "orders", "addresses": addresses}],
        },
        "store": {
            "servers": [{"name": "east-1", "address": "127.0.0.1", "port": 10422}],
            "replicas": 1,
            "client": "failover.east-1.fleet.example",
            "authority_file": str(directory / "store-ca.pem"),
            "certificate_file": str(directory / "store.pem"),
            "key_file": str(directory / "store.key"),
        },
        "status_socket": str(directory / "status.sock"),
        "events_file": str(directory / "events.jsonl"),
    }
    return value | changes


def config(directory: Path = Path("/nowhere"), **changes: Any) -> Config:
    """The same, parsed."""
    return parse_config(configuration(directory, **changes))
