"""Orders to this node's HAProxy over its runtime socket.

A server that should get no more traffic is put into *drain*: new sessions have no path to it from that
moment, sessions under way go on (cutting them at the first suspicion costs failures and gains nothing),
and HAProxy's own checks keep running, so that its state is true when the server comes back. *maint* is
left to people: what somebody put into maintenance by hand stays there.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from failover.errors import HaproxyError

SOCKET_TIMEOUT_SECONDS = 1.0
_FORCED_MAINTENANCE = 0x01 | 0x02 | 0x04  # set by hand, inherited, from the configuration file
_FORCED_DRAIN = 0x08 | 0x10  # set over the socket, inherited


class ServerKey(NamedTuple):
    backend: str
    server: str


@dataclass(frozen=True, slots=True)
class ServerState:
    """What HAProxy says of one server."""

    drained: bool
    in_maintenance: bool
    running: bool
    """By HAProxy's own checks."""
    weight: int
    initial_weight: int = 0
    """What the configuration gives it: its full weight; 0 when HAProxy does not say."""


@dataclass(frozen=True, slots=True)
class Order:
    """One change of one server: the difference between what is and what is wanted."""

    key: ServerKey
    in_service: bool

    @property
    def command(self) -> str:
        return (
            f"set server {self.key.backend}/{self.key.server} state {'ready' if self.in_service else 'drain'}"
        )


class Command(Protocol):
    """One order as HAProxy wants to read it."""

    @property
    def command(self) -> str: ...


class Talk(Protocol):
    """Sends one command line to the runtime socket and returns the whole answer."""

    async def __call__(self, command: str) -> str: ...


@dataclass(frozen=True, slots=True)
class RuntimeSocket:
    """The real socket; one connection per command line, as HAProxy wants it."""

    path: Path

    async def __call__(self, command: str) -> str:
        try:
            async with asyncio.timeout(SOCKET_TIMEOUT_SECONDS):
                return await self._talk(command)
        except TimeoutError:
            raise HaproxyError(
                f"{self.path}: HAProxy did not answer within {SOCKET_TIMEOUT_SECONDS} s"
            ) from None
        except OSError as error:
            raise HaproxyError(f"{self.path}: HAProxy cannot be reached: {error.strerror}") from None

    async def _talk(self, command: str) -> str:
        reader, writer = await asyncio.open_unix_connection(self.path)
        try:
            writer.write(command.encode() + b"\n")
            await writer.drain()
            return (await reader.read(-1)).decode(errors="replace")
        finally:
            writer.close()


async def read_states(talk: Talk) -> dict[ServerKey, ServerState]:
    """Every server HAProxy has, by `show servers state`."""
    return parse_states(await talk("show servers state"))


def parse_states(text: str) -> dict[ServerKey, ServerState]:
    """The answer to `show servers state`; HaproxyError when it is not one."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not lines[1].startswith("#"):
        raise HaproxyError(f"HAProxy answered `show servers state` with {text[:80]!r}")
    columns = lines[1].lstrip("# ").split()
    states = {}
    for line in lines[2:]:
        row = dict(zip(columns, line.split(), strict=False))
        try:
            admin = int(row["srv_admin_state"])
            states[ServerKey(row["be_name"], row["srv_name"])] = ServerState(
                drained=bool(admin & _FORCED_DRAIN),
                in_maintenance=bool(admin & _FORCED_MAINTENANCE),
                running=row["srv_op_state"] == "2",
                weight=int(row["srv_uweight"]),
                initial_weight=int(row.get("srv_iweight", 0)),
            )
        except (KeyError, ValueError):
            raise HaproxyError(f"HAProxy's server state has an unknown form: {line[:120]!r}") from None
    return states


def plan_orders(
    wanted: Mapping[ServerKey, bool], states: Mapping[ServerKey, ServerState]
) -> tuple[Order, ...]:
    """What must be ordered so that each server is in service as `wanted` says; nothing when it is."""
    return tuple(
        Order(key, in_service)
        for key, in_service in wanted.items()
        if (state := states.get(key)) and not state.in_maintenance and state.drained == in_service
    )


async def give_orders(talk: Talk, orders: Sequence[Command]) -> None:
    """Order all of `orders` in one command line; HaproxyError when HAProxy refuses any."""
    if not orders:
        return
    answer = (await talk("; ".join(order.command for order in orders))).strip()
    if answer:
        raise HaproxyError(f"HAProxy refused an order: {answer.splitlines()[0]}")
