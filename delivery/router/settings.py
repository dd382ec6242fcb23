"""What the router of a node is told once: each pool's transports, the ISPs' names, and where its files are.

`fleet/routing.py` writes the file; nothing in it changes while the router runs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.model import Path as DeliveryPath
from delivery.router.errors import SettingsError

SETTINGS_FILE = Path("/etc/mtafleet/router/settings.json")


@dataclass(frozen=True, slots=True)
class Step:
    """One transport of a path: a pace that master.cf knows."""

    transport: str
    connections: int
    messages_per_hour: int | None
    """By the pause after each message; None without one."""


@dataclass(frozen=True, slots=True)
class Route:
    """One sending address of a pool towards one ISP; its fastest step, the static share, is the first."""

    path: DeliveryPath
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    node: str
    routes: Mapping[str, Mapping[str, tuple[Route, ...]]]
    """Pool -> ISP -> this node's routes."""
    suffixes: Mapping[str, str]
    """End of a mail exchanger's name, without its first dot -> ISP."""
    domains: Mapping[str, str]
    """Recipient domain -> ISP, where no look-up is needed."""
    fixed: Mapping[str, str]
    """Recipient domain -> transport and next hop, whatever the plan says: the fleet's own return paths."""
    default_isp: str
    resolver: str
    front_socket: Path
    router_socket: Path
    socket_group: str | None
    """Whose members may ask the front; None leaves it to the daemon's own group."""
    plan_file: Path
    events_file: Path | None


def load_settings(path: Path) -> Settings:
    """Raises SettingsError with what is wrong and where."""
    try:
        return parse_settings(json.loads(path.read_text()))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}: `mtafleet configure` writes it") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise SettingsError(f"{path}: {what}: write it anew with `mtafleet configure`") from None


def parse_settings(data: Mapping[str, Any]) -> Settings:
    """Raises KeyError, TypeError or ValueError where `data` has another shape."""
    default = str(data["default_isp"])
    routes = {
        str(pool): {str(isp): tuple(_route(str(isp), one) for one in found) for isp, found in by_isp.items()}
        for pool, by_isp in data["routes"].items()
    }
    for pool, by_isp in routes.items():
        if not by_isp.get(default):
            raise ValueError(f"pool {pool} has no route to `{default}`")
        _check_names(pool, by_isp)
    events = data.get("events_file")
    group = data.get("socket_group")
    return Settings(
        node=str(data["node"]),
        routes=routes,
        suffixes=_strings(data["suffixes"]),
        domains=_strings(data["domains"]),
        fixed=_strings(data["fixed"]),
        default_isp=default,
        resolver=str(data["resolver"]),
        front_socket=Path(data["front_socket"]),
        router_socket=Path(data["router_socket"]),
        socket_group=None if group is None else str(group),
        plan_file=Path(data["plan_file"]),
        events_file=None if events is None else Path(events),
    )


def _route(isp: str, data: Mapping[str, Any]) -> Route:
    steps = tuple(
        Step(
            str(one["transport"]),
            int(one["connections"]),
            None if one["messages_per_hour"] is None else int(one["messages_per_hour"]),
        )
        for one in data["steps"]
    )
    if not steps:
        raise ValueError(f"{data['address']} has no transport to `{isp}`")
    return Route(DeliveryPath(str(data["address"]), isp), steps)


def _check_names(pool: str, by_isp: Mapping[str, tuple[Route, ...]]) -> None:
    """The front tells by a transport's name which path mail was given to."""
    names = [step.transport for routes in by_isp.values() for one in routes for step in one.steps]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"pool {pool} has more than one transport called {doubled[0]}")


def _strings(data: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in data.items()}
