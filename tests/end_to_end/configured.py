"""Reports of `mtafleet configure`, and what is on the nodes before and after it."""

from dataclasses import dataclass
from typing import Any

from tests.end_to_end.command import Done
from tests.end_to_end.system import System, at_once

#: Where configuration puts things. What programs write by themselves as they run lies elsewhere.
PLACES = ("/etc", "/opt", "/usr/local", "/var/lib/mtafleet/tree")
_LISTING = ("-xdev", "!", "-type", "d", "!", "-name", "lock", "-printf", r"%p %m %U:%G %s %T@ %l\n")


@dataclass(frozen=True, slots=True)
class Configured:
    """One run, with a listing of every node's files before and after it."""

    run: Done
    before: dict[str, str]
    after: dict[str, str]


def snapshots(system: System) -> dict[str, str]:
    """Every file under PLACES of every node, with mode, owner, size and time of last change."""
    names = [node.name for node in system.fleet.nodes]

    def listing(name: str) -> str:
        return "\n".join(sorted(system.found(name, "find", *PLACES, *_LISTING).splitlines()))

    return dict(zip(names, at_once(listing, names), strict=True))


def changes(run: Done) -> dict[str, list[str]]:
    """What a run changed, by node; nodes where nothing was changed are left out."""
    nodes: dict[str, Any] = run.json()["nodes"]
    return {name: node["changed"] for name, node in nodes.items() if node["changed"]}


def failures(run: Done) -> dict[str, list[Any]]:
    """What failed, by node."""
    nodes: dict[str, Any] = run.json()["nodes"]
    return {name: node["failures"] for name, node in nodes.items() if node["failures"]}
