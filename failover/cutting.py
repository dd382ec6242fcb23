"""Which sessions under way to cut: those to instances that sites agree to be dead. Pure.

A session to an instance that only looks dead is left alone: it may go on in a moment, and cutting it fails
for certain. Once death is agreed and has lasted, waiting only keeps the client from trying elsewhere; its
message was not acknowledged, so nothing is lost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from failover.config import Pool
from failover.decide import GroupKey, Standing
from failover.haproxy import ServerKey

LASTING_SECONDS = 2.0
"""Longer than pauses of a processor or of a network that is mended at once."""


@dataclass(frozen=True, slots=True)
class Cut:
    """All sessions of one server end."""

    key: ServerKey

    @property
    def command(self) -> str:
        return f"shutdown sessions server {self.key.backend}/{self.key.server}"


def dead_servers(
    plan: Mapping[GroupKey, Mapping[str, Standing]], pools: Mapping[str, Pool], now: float
) -> Iterator[ServerKey]:
    """The servers whose sessions lead nowhere, at `now` by the clock of the standings."""
    for name, pool in pools.items():
        for node, one in plan.get(GroupKey("relay", name), {}).items():
            if is_dead(one, now):
                yield from (ServerKey(backend, node) for backend in pool.backends)


def is_dead(one: Standing, now: float) -> bool:
    """Whether a member is out, sites agree that it fails, and this node has found nothing there for a while.

    One that hangs is not dead: it may go on, and its sessions with it.
    """
    if one.in_service or one.healthy or not one.agreed or one.dead_since is None:
        return False
    return now - one.dead_since >= LASTING_SECONDS
