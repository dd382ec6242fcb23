"""A planned volume shared out over the addresses of a pool, by what each can carry. Pure.

Invariants (property tests): nobody gets more than its capacity; what is given and what waits is what was
wanted; nothing waits while someone who may carry it has capacity left; a burnt address carries nothing
transactional; no class is served while an earlier one waits for the same addresses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum


class MessageClass(IntEnum):
    """What mail is for; the first is served first."""

    TRANSACTIONAL = 0
    NOTIFICATION = 1
    MARKETING = 2


@dataclass(frozen=True, slots=True)
class Room:
    """What one address can take of a volume."""

    address: str
    messages: int
    transactional: bool = True
    """False while a burnt address is rebuilt."""
    warm: bool = True
    """Established; the others are filled to their stage first where they may, so that they warm up."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Who carries what; what does not fit waits."""

    given: Mapping[str, Mapping[MessageClass, int]]
    waiting: Mapping[MessageClass, int]

    def carried(self, address: str) -> int:
        return sum(self.given.get(address, {}).values())


def share_out(wanted: Mapping[MessageClass, int], rooms: Sequence[Room]) -> Shared:
    """Transactional mail takes the warm addresses first, all other mail those that still warm up first."""
    left = {room.address: max(0, room.messages) for room in rooms}
    given: dict[str, dict[MessageClass, int]] = {}
    waiting = {}
    for kind in MessageClass:
        amount = wanted.get(kind, 0)
        for room in _in_order(kind, rooms):
            take = min(amount, left[room.address])
            if take:
                left[room.address] -= take
                given.setdefault(room.address, {})[kind] = take
                amount -= take
        waiting[kind] = amount
    return Shared(given, waiting)


def _in_order(kind: MessageClass, rooms: Sequence[Room]) -> list[Room]:
    if kind is MessageClass.TRANSACTIONAL:
        able = [room for room in rooms if room.transactional]
        return sorted(able, key=lambda room: (not room.warm, -room.messages, room.address))
    return sorted(rooms, key=lambda room: (room.warm, room.transactional, room.messages, room.address))


def warm_capacity(rooms: Sequence[Room], kind: MessageClass = MessageClass.TRANSACTIONAL) -> int:
    """Messages of a class that these addresses can take: the figure failover reckons with."""
    return sum(
        max(0, room.messages)
        for room in rooms
        if room.transactional or kind is not MessageClass.TRANSACTIONAL
    )
