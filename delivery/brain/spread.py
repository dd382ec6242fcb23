"""Whom else a refusal concerns: it may speak of the address, of those around it, or of the domain. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network

from delivery.brain.marks import Mark
from delivery.brain.model import Snapshot
from delivery.model import Path, Scope

NETWORK_BITS = {4: 24, 6: 64}
"""What receivers take for one network where they do not say."""


def spread_marks(snapshot: Snapshot) -> Mapping[Path, tuple[Mark, ...]]:
    """By path, its own marks and those met by others at the same ISP that concern it too.

    What speaks of the domain concerns the pool: its mail would meet the same from another address. What
    speaks of one recipient or message concerns no path.
    """
    met = [
        (path, mark)
        for path, seen in snapshot.paths.items()
        for mark in seen.marks
        if mark.scope not in (Scope.RECIPIENT, Scope.MESSAGE)
    ]
    if not met:
        return {}
    by_isp: dict[str, list[Path]] = {}
    for path in snapshot.paths:
        by_isp.setdefault(path.isp, []).append(path)
    found: dict[Path, list[Mark]] = {}
    for origin, mark in met:
        for path in by_isp[origin.isp]:
            if path == origin or _concerns(snapshot, origin, mark, path):
                found.setdefault(path, []).append(mark)
    return {path: tuple(marks) for path, marks in found.items()}


def _concerns(snapshot: Snapshot, origin: Path, mark: Mark, other: Path) -> bool:
    if mark.scope is Scope.DOMAIN:
        return snapshot.addresses[origin.address].pool == snapshot.addresses[other.address].pool
    return mark.scope is Scope.NETWORK and _network(origin.address) == _network(other.address)


@lru_cache(maxsize=65_536)
def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:  # a name, as in a simulation: a network of its own
        return address
    return str(ip_network(f"{address}/{NETWORK_BITS[parsed.version]}", strict=False))
