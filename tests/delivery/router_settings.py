"""Settings of a small node for tests: one pool with two addresses, two ISPs beside the default."""

from pathlib import Path
from typing import Any

from delivery.model import Path as DeliveryPath

FIRST, SECOND = "198.51.100.21", "198.51.100.22"
POOL = "transactional"
STEPS = ((4, None), (1, None), (1, 360), (1, 30))
"""(connections, messages an hour) of each path's transports."""


def path(address: str, isp: str = "google") -> DeliveryPath:
    return DeliveryPath(address, isp)


def transport(ordinal: int, isp: str = "google", step: int = 0) -> str:
    return f"{POOL}-{ordinal}-{isp}" + (f"-s{step}" if step else "")


def settings_document(directory: Path) -> dict[str, Any]:
    """As the settings file holds it, with sockets and files below `directory`."""
    return {
        "node": "east-1",
        "routes": {POOL: {isp: _routes(isp) for isp in ("google", "yahoo", "default")}},
        "suffixes": {"google.com": "google", "yahoodns.net": "yahoo", "googlemail.com": "google"},
        "domains": {"gmail.com": "google", "yahoo.com": "yahoo"},
        "fixed": {"bounce.shop.example": "relay:[198.51.100.11]:10026"},
        "default_isp": "default",
        "resolver": "127.0.0.9",
        "front_socket": str(directory / "front.sock"),
        "router_socket": str(directory / "router.sock"),
        "socket_group": None,
        "plan_file": str(directory / "plan.json"),
        "events_file": str(directory / "events.jsonl"),
    }


def _routes(isp: str) -> list[dict[str, Any]]:
    return [
        {
            "address": address,
            "steps": [
                {"transport": transport(ordinal, isp, step), "connections": most, "messages_per_hour": rate}
                for step, (most, rate) in enumerate(STEPS)
            ],
        }
        for ordinal, address in enumerate((FIRST, SECOND), start=1)
    ]
