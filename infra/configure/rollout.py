"""In which order a serving fleet is changed, and when a change goes no further. Pure but for the waiting."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fleet.inventory import NodeModel

GATE_TIMEOUT_SECONDS = 180.0
POLL_SECONDS = 1.0

Serving = Callable[[], Collection[str]]
"""Asks the fleet which nodes are in service everywhere now."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Batches of nodes, in order; the next one begins when the one before is back in service."""

    batches: tuple[tuple[str, ...], ...]
    served: frozenset[str]
    """The nodes that were in service when the run began."""


def plan_rollout(models: Mapping[str, NodeModel], nodes: Iterable[str], served: Collection[str]) -> Rollout:
    """One node first, then the rest of its site and the machines that carry no mail, then site by site.

    While no mail server is in service there is nothing to protect: everything at once.
    """
    wanted = list(nodes)
    mta = [name for name in wanted if models[name].is_mta]
    first = next((name for name in mta if name in served), None)
    if first is None:
        return Rollout((tuple(wanted),), frozenset(served))
    home = models[first].host.site
    rest = [name for name in wanted if name != first]
    near = tuple(name for name in rest if name not in mta or models[name].host.site == home)
    sites = dict.fromkeys(models[name].host.site for name in mta)
    far = [tuple(name for name in mta if models[name].host.site == site) for site in sites if site != home]
    return Rollout(tuple(batch for batch in ((first,), near, *far) if batch), frozenset(served))


def await_service(
    nodes: Collection[str],
    serving: Serving,
    *,
    timeout_seconds: float = GATE_TIMEOUT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sequence[str]:
    """Wait until all of `nodes` are in service; returns those that are not when the time is up."""
    deadline = clock() + timeout_seconds
    while True:
        missing = sorted(set(nodes) - set(serving()))
        if not missing or clock() >= deadline:
            return missing
        sleep(POLL_SECONDS)
