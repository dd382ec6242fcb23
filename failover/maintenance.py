"""`mtafleet-maintenance`: orders that take nodes out of service, for this node's daemon. Run as root.

    set NODE --owner WHO --reason WHY --since TIME --until TIME    take NODE out (replaces its order)
    lift NODE                                                      let it serve again
    busy --ports 465,587                                           what still happens on this node
    hand-over --seconds 15 --route POOL=PEER,PEER/PEER             give its queued mail to peers

Each prints one JSON object: the orders there are then; `{"queued": {INSTANCE: n}, "moving": {INSTANCE: n},
"sessions": n}`, where `moving` counts what is tried now; `{"handed": {POOL: {PEER: n}}, "problems": []}`.
"""

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from failover.config import MaintenanceFiles, load_config
from failover.errors import ConfigError, FailoverError
from failover.handover import command
from failover.orders import (
    MOST_OWNER_CHARACTERS,
    MOST_REASON_CHARACTERS,
    Order,
    checked_words,
    parse_orders,
    parse_time,
    render_orders,
)

CONFIG_FILE = Path("/etc/mtafleet/failover/config.json")
SPOOLS = Path("/var/spool")
SOCKETS = Path("/proc/net/tcp")
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")
MOVING = ("maildrop", "active")
_ESTABLISHED = "01"


def main(words: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 something a person has to put right (one message on stderr)."""
    options = _parser().parse_args(words)
    try:
        if options.command == "busy":
            ports = {int(port) for port in options.ports.split(",")}
            found = {"queued": queued(SPOOLS), "moving": queued(SPOOLS, MOVING)}
            print(json.dumps({**found, "sessions": sessions(SOCKETS.read_text(), ports)}))
        elif options.command == "hand-over":
            files = _files(options)
            print(json.dumps(command.run(options, files, lambda: _present(files))))
        else:
            print(_change(options), end="")
    except (FailoverError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def queued(spools: Path, queues: Collection[str] = QUEUES) -> dict[str, int]:
    """Messages in these queues of each of the fleet's Postfix instances, by its name."""
    return {
        spool.name.removeprefix("postfix-"): sum(
            len(files) for queue in queues for _, _, files in os.walk(spool / queue)
        )
        for spool in sorted(spools.glob("postfix-*"))
    }


def sessions(table: str, ports: Collection[int]) -> int:
    """Established connections to `ports` of this node, in the kernel's table (`/proc/net/tcp`)."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return sum(row[3] == _ESTABLISHED and int(row[1].partition(":")[2], 16) in ports for row in rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mtafleet-maintenance", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, help="the daemon's file (%(default)s)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    order = commands.add_parser("set", help="take a node out of service")
    order.add_argument("node")
    for name in ("owner", "reason", "since", "until"):
        order.add_argument(f"--{name}", required=True)
    commands.add_parser("lift", help="let a node serve again").add_argument("node")
    commands.add_parser("busy", help="mail and sessions on this node").add_argument("--ports", required=True)
    command.add_to(commands)
    return parser


def _change(options: argparse.Namespace) -> str:
    config = load_config(options.config)
    files = _files(options)
    with _locked(files.orders):
        orders = _present(files)
        if options.command == "lift":
            orders.pop(options.node, None)
        elif options.node not in {peer.name for peer in config.peers}:
            raise ConfigError(f"there is no node {options.node!r}")
        else:
            orders[options.node] = _order(options)
        text = render_orders(orders)
        _write(files.orders, text)
    return text


def _files(options: argparse.Namespace) -> MaintenanceFiles:
    files = load_config(options.config).maintenance
    if files is None:
        raise ConfigError(f"{options.config}: names no file for maintenance orders")
    return files


def _present(files: MaintenanceFiles) -> dict[str, Order]:
    """The orders there are; when their file is broken those that the daemon goes by, which mends it."""
    try:
        return parse_orders(files.orders.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ConfigError, UnicodeDecodeError):
        return parse_orders(files.last_good.read_text(encoding="utf-8"))


def _order(options: argparse.Namespace) -> Order:
    return Order(
        checked_words(options.owner, MOST_OWNER_CHARACTERS, "--owner"),
        checked_words(options.reason, MOST_REASON_CHARACTERS, "--reason"),
        parse_time(options.since, "--since"),
        parse_time(options.until, "--until"),
    )


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.with_name("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(file: Path, text: str) -> None:
    """Replace the file as a whole: the daemon must never read half of one, not even after a power cut."""
    fresh = file.with_name(f"{file.name}.new")
    with fresh.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fchmod(stream.fileno(), 0o644)
        os.fsync(stream.fileno())
    fresh.replace(file)


if __name__ == "__main__":
    sys.exit(main())
