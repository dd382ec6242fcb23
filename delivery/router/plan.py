"""What the router takes from the plan of delivery: what each path may do now.

`delivery.brain.plan` decides it and writes the file (`delivery/plan_file.py`); this reader needs no library.

    {"version": 1, "written_at": 1764000000.0,
     "pools": {"transactional": {"198.51.100.21": {"google": {
         "messages_per_hour": 1200, "connections": 2, "score": 87.5, "stage": 1, "day_left": 400,
         "suspended_until": null, ...}}}},
     "peers": {"transactional": [{"node": "west-1", "next_hop": "[203.0.113.11]:11026", "weight": 1.0,
                                  "isps": ["google"]}]}}

Of a row anything may be absent, and so may `peers`. The writer replaces the file as a whole.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delivery.model import Path as DeliveryPath
from delivery.router.errors import PlanFileError

VERSION = 1
MOST_BYTES = 8 * 1024 * 1024
STALE_SECONDS = 300.0
"""An older plan is no longer followed; suspensions in it hold until their end."""
BLOCKED_STAGE = 4
"""Of the failure sequence: the ISP refuses nearly all. Nothing leaves on such a path."""


@dataclass(frozen=True, slots=True)
class PathState:
    """What one path may do. None: as the static share has it."""

    messages_per_hour: float | None = None
    connections: int | None = None
    score: float = 100.0
    """0 to 100."""
    stage: int = 0
    """Of the failure sequence, 0 to 4."""
    tokens: float | None = None
    """Messages left in what is allowed until the plan is written again; look-ups take none."""
    suspended_until: float | None = None
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node that takes this pool's mail while this one cannot send it."""

    node: str
    next_hop: str
    weight: float = 1.0
    isps: frozenset[str] | None = None
    """None: all."""


@dataclass(frozen=True, slots=True)
class Plan:
    at: float
    """When it was decided, seconds since 1970."""
    paths: Mapping[DeliveryPath, PathState]
    peers: Mapping[str, tuple[Peer, ...]] = field(default_factory=dict)

    def is_stale(self, now: float) -> bool:
        return now - self.at > STALE_SECONDS


NO_PLAN = Plan(-math.inf, {})
"""As if it had been written never: static shares hold."""


def load_plan(path: Path) -> Plan:
    """Raises PlanFileError when it is malformed, FileNotFoundError when there is none."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise PlanFileError(f"{path}: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise PlanFileError(f"{path}: more than {MOST_BYTES} bytes")
    try:
        return parse_plan(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PlanFileError(f"{path}: {type(error).__name__}: {error}") from None


def parse_plan(data: Mapping[str, Any]) -> Plan:
    """Raises KeyError, TypeError or ValueError where `data` has another shape."""
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']!r}, not {VERSION}")
    paths = {
        DeliveryPath(str(address), str(isp)): _state(row)
        for by_address in data["pools"].values()
        for address, by_isp in by_address.items()
        for isp, row in by_isp.items()
    }
    peers = {str(pool): tuple(_peer(one) for one in found) for pool, found in data.get("peers", {}).items()}
    return Plan(_number(data["written_at"]), paths, peers)


def _state(data: Mapping[str, Any]) -> PathState:
    connections = _optional(data, "connections")
    return PathState(
        messages_per_hour=_optional(data, "messages_per_hour"),
        connections=None if connections is None else int(connections),
        score=min(100.0, max(0.0, _number(data.get("score", 100.0)))),
        stage=int(_number(data.get("stage", 0))),
        tokens=_optional(data, "day_left"),
        suspended_until=_optional(data, "suspended_until"),
    )


def _peer(data: Mapping[str, Any]) -> Peer:
    next_hop = str(data["next_hop"])
    if not next_hop.startswith("[") or any(one.isspace() for one in next_hop):
        raise ValueError(f"{next_hop!r} is no next hop like `[ADDRESS]:PORT`")
    isps = data.get("isps")
    return Peer(
        str(data["node"]),
        next_hop,
        max(0.0, _number(data.get("weight", 1.0))),
        None if isps is None else frozenset(map(str, isps)),
    )


def _optional(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    return None if value is None else _number(value)


def _number(value: Any) -> float:
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"{value!r} is no figure")
    return found
