"""What the daemon knows, as JSON over a unix socket: connect, read to the end."""

import asyncio
import contextlib
import json
import os
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

from failover.daemon import Daemon
from failover.decide import Complaint, SelfSeen, concerns
from failover.errors import StatusError
from failover.holder import LeaseHolder
from failover.keeper import Keeper
from failover.orders import describe_order, describe_override
from failover.senses import describe_vitals

SOCKET_MODE = 0o660


def describe(daemon: Daemon, now: float) -> dict[str, Any]:
    """The status of `daemon` at `now` (its own clock); plain JSON values."""
    decision = daemon.decision
    return {
        "node": daemon.config.node,
        "uptime_seconds": round(now - daemon.started_at, 3),
        "most_lag_milliseconds": round(daemon.most_lag_seconds * 1000, 1),
        "doubt": decision.doubt,
        "nodes": {
            peer.name: {
                "site": peer.site,
                "role": peer.role,
                "watched": daemon.config.watches(peer.name),
                "silent": peer.name in decision.silent,
                "heard_seconds_ago": round(now - daemon.prober.heard_at.get(peer.name, now), 3),
            }
            for peer in daemon.config.peers
        },
        "pools": _pools(daemon),
        "vitals": _vitals(daemon),
        "checks": _checks(daemon, now),
        "canaries": _canaries(daemon),
        "haproxy": _haproxy(daemon),
        "dns": _dns(daemon, now),
        "views": _views(daemon),
        "maintenance": _maintenance(daemon),
        "figures": daemon.figures.describe(),
        "recent": list(daemon.events.recent)[-10:],
    }


def _pools(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, standings in daemon.decision.plan.items():
        pool = found.setdefault(key.pool or "front", {})
        for node, one in standings.items():
            pool.setdefault(node, {})[key.kind] = {
                "in_service": one.in_service,
                "healthy": one.healthy,
                "reason": one.reason,
                "ordered_out": one.ordered_out,
                "fault": one.fault,
                "weight_percent": one.weight_percent,
                "level": one.level,
            }
    return found


def _vitals(daemon: Daemon) -> dict[str, Any]:
    """The figures that nodes give of themselves, what is wrong by them, and the load that follows."""
    decision = daemon.decision
    return {
        "error": daemon.senses.reader.error,
        "nodes": {node: describe_vitals(one) for node, one in decision.heeded_vitals.items()},
        "complaints": {
            node: [
                {
                    "ailment": one.ailment,
                    "pool": one.pool,
                    "reason": one.reason,
                    "common": _common(daemon, one),
                }
                for one in said
            ]
            for node, said in decision.complaining.items()
        },
        "messages_per_hour": dict(daemon.senses.messages_per_hour),
    }


def _checks(daemon: Daemon, now: float) -> list[dict[str, Any]]:
    """What slow checks have found, what is bad first."""
    rows = sorted(daemon.checks.board.rows.values(), key=lambda row: (row.finding.state, row.finding.subject))
    return [{**row.finding._asdict(), "seconds_ago": round(now - row.looked_at, 1)} for row in rows]


def _canaries(daemon: Daemon) -> dict[str, Any]:
    """What became of the messages by which this node tries its instances, by pool."""
    return {pool: asdict(one) for pool, one in daemon.canary.tallies.items()} if daemon.canary else {}


def _common(daemon: Daemon, complaint: Complaint) -> bool:
    """Whether most nodes complain of the same, so that it counts against none of them."""
    decision, policy = daemon.decision, daemon.policy
    seen = SelfSeen(decision.complaining, decision.heeded_vitals, policy.vital_limits, decision.silent)
    groups = [one for one in policy.groups if concerns(complaint, one)]
    return bool(groups) and all(seen.is_common(complaint, one) for one in groups)


def _haproxy(daemon: Daemon) -> dict[str, Any] | None:
    door = daemon.front_door
    if door is None:
        return None
    servers = {
        f"{key.backend}/{key.server}": {
            "state": "maint" if one.in_maintenance else "drain" if one.drained else "ready",
            "running": one.running,
            "weight": one.weight,
        }
        for key, one in door.states.items()
    }
    return {"error": door.error, "servers": servers}


def _dns(daemon: Daemon, now: float) -> dict[str, Any] | None:
    if daemon.config.steering is None:
        return None
    return {
        "lease": _lease(daemon.lease, now) if daemon.lease else None,
        "primaries": {keeper.name: _primary(keeper) for keeper in daemon.keepers},
    }


def _views(daemon: Daemon) -> dict[str, Any] | None:
    """What HAProxy tells of each node: `in`, `out`, or `unknown` when it has been told nothing."""
    board = daemon.view_board
    if board is None:
        return None
    told = {node: board.served.get(node, "unknown") for node in sorted(board.views.nodes)}
    return {"error": board.error, "nodes": told}


def _lease(lease: LeaseHolder, now: float) -> dict[str, Any]:
    """`holder` and `epoch` as the store said last; `held` means that this node may write now.

    `alive` means that the holder, whoever it is, renewed the lease lately, as far as this node can see.
    """
    record = lease.candidate.record
    failing = lease.failing_since
    still = lease.candidate.still_seconds(now)
    alive = bool(record and record.holder) and failing is None and still is not None
    return {
        "holder": record.holder if record else "",
        "epoch": record.epoch if record else 0,
        "held": lease.epoch() is not None,
        "alive": alive and still is not None and still < lease.candidate.term_seconds,
        "term_seconds": lease.candidate.term_seconds,
        "error": lease.error,
        "failing_seconds": None if failing is None else round(now - failing, 3),
    }


def _maintenance(daemon: Daemon) -> dict[str, Any]:
    book = daemon.order_book
    pause = daemon.pause
    return {
        "error": book.error,
        "orders": {node: describe_order(one) for node, one in book.orders.items()},
        "overrides": {node: describe_override(one) for node, one in book.overrides.items()},
        "pause": describe_order(pause) if pause else None,
    }


def _primary(keeper: Keeper) -> dict[str, Any]:
    view = keeper.view
    answers = {name: sorted(answer.addresses) for name, answer in view.answers.items()} if view else {}
    return {
        "error": keeper.error,
        "serial": view.serial if view else None,
        "epoch": view.epoch if view else None,
        "answers": answers,
        "updates": keeper.updates,
        "failures": keeper.failures,
    }


async def serve(daemon: Daemon, path: Path) -> asyncio.Server:
    """Answer every connection to the socket at `path` with the status; keep what is returned."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            status = describe(daemon, asyncio.get_running_loop().time())
            writer.write(json.dumps(status).encode() + b"\n")
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(answer, sock=_listening(path))


def _listening(path: Path) -> socket.socket:
    """A socket at `path` that only its owner and group may use, from its first moment."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = os.umask(0o777 & ~SOCKET_MODE)
    try:
        path.unlink(missing_ok=True)
        sock.bind(str(path))
    except OSError as error:
        sock.close()
        raise StatusError(f"{path}: the status socket cannot be made: {error.strerror}") from None
    finally:
        os.umask(before)
    return sock
