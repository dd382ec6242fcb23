"""`mtafleet-maintenance`: what people order this node's daemon to do. Run as root.

    set NODE --owner WHO --reason WHY --since TIME --until TIME    take NODE out (replaces its order)
    lift NODE                                                      let it serve again
    override NODE in|out --owner WHO --reason WHY --since ...      in or out whatever the daemons see
    release NODE                                                   let the daemons judge it again
    pause --owner WHO --reason WHY --since TIME --until TIME       decide and tell, act on nothing
    resume                                                         act again
    busy --ports 465,587                                           what still happens on this node
    hand-over --seconds 15 --route POOL=PEER,PEER/PEER             give its queued mail to peers

Each prints one JSON object: all that is ordered then; `{"queued": {INSTANCE: n}, "moving": {INSTANCE: n},
"sessions": n}`, where `moving` counts what is tried now; `{"handed": {POOL: {PEER: n}}, "problems": []}`.
"""

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from failover.config import MaintenanceFiles, load_config
from failover.errors import ConfigError, FailoverError
from failover.handover import command
from failover.orders import (
    MOST_OWNER_CHARACTERS,
    MOST_REASON_CHARACTERS,
    Book,
    NodeOverride,
    Order,
    checked_words,
    parse_book,
    parse_time,
    render_book,
)

CONFIG_FILE = Path("/etc/mtafleet/failover/config.json")
SPOOLS = Path("/var/spool")
SOCKETS = Path("/proc/net/tcp")
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")
MOVING = ("maildrop", "active")
_ESTABLISHED = "01"
T = TypeVar("T")


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
            print(json.dumps(command.run(options, files, lambda: _present(files).orders)))
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
    _add_ordering(commands.add_parser("set", help="take a node out of service"), "node")
    commands.add_parser("lift", help="let a node serve again").add_argument("node")
    override = commands.add_parser("override", help="have a node in or out whatever the daemons see")
    _add_ordering(override, "node")
    override.add_argument("to", choices=("in", "out"))
    commands.add_parser("release", help="let the daemons judge a node again").add_argument("node")
    _add_ordering(commands.add_parser("pause", help="have the daemon act on nothing"))
    commands.add_parser("resume", help="have the daemon act again")
    commands.add_parser("busy", help="mail and sessions on this node").add_argument("--ports", required=True)
    command.add_to(commands)
    return parser


def _add_ordering(parser: argparse.ArgumentParser, *places: str) -> None:
    for place in places:
        parser.add_argument(place)
    for name in ("owner", "reason", "since", "until"):
        parser.add_argument(f"--{name}", required=True)


def _change(options: argparse.Namespace) -> str:
    config = load_config(options.config)
    node = getattr(options, "node", None)
    if options.command in ("set", "override") and node not in {peer.name for peer in config.peers}:
        raise ConfigError(f"there is no node {node!r}")
    return render_book(amend(_files(options), lambda book: _changed(book, options)))


def amend(files: MaintenanceFiles, change: Callable[[Book], Book]) -> Book:
    """Replace what is ordered on this node by what `change` makes of it; returns that.

    The one way to give an order, for `mtafleet-maintenance` and for the API. OSError when it cannot be
    written, ConfigError when neither the file nor the daemon's copy of it makes sense.
    """
    with _locked(files.orders):
        book = change(_present(files))
        _write(files.orders, render_book(book))
    return book


def _files(options: argparse.Namespace) -> MaintenanceFiles:
    files = load_config(options.config).maintenance
    if files is None:
        raise ConfigError(f"{options.config}: names no file for maintenance orders")
    return files


def _changed(book: Book, options: argparse.Namespace) -> Book:
    """`book` after one command."""
    match options.command:
        case "set":
            return with_order(book, options.node, _order(options))
        case "lift":
            return with_order(book, options.node, None)
        case "override":
            return with_override(book, options.node, NodeOverride(options.to, _order(options)))
        case "release":
            return with_override(book, options.node, None)
        case _:
            return replace(book, pause=_order(options) if options.command == "pause" else None)


def with_order(book: Book, node: str, order: Order | None) -> Book:
    """`book` with `node` out of service by `order`, or without any for it."""
    kept = _without(book.orders, node)
    return replace(book, orders=kept if order is None else {**kept, node: order})


def with_override(book: Book, node: str, override: NodeOverride | None) -> Book:
    """`book` with `override` for `node`, or without any."""
    kept = _without(book.overrides, node)
    return replace(book, overrides=kept if override is None else {**kept, node: override})


def _without(found: Mapping[str, T], node: str) -> dict[str, T]:
    return {name: one for name, one in found.items() if name != node}


def _present(files: MaintenanceFiles) -> Book:
    """What is ordered; when its file is broken that which the daemon goes by, which mends it."""
    try:
        return parse_book(files.orders.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Book()
    except (ConfigError, UnicodeDecodeError):
        return parse_book(files.last_good.read_text(encoding="utf-8"))


def _order(options: argparse.Namespace) -> Order:
    return Order(
        checked_words(options.owner, MOST_OWNER_CHARACTERS, "--owner"),
        checked_words(options.reason, MOST_REASON_CHARACTERS, "--reason"),
        parse_time(options.since, "--since"),
        parse_time(options.until, "--until"),
    )


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Opened to be read only: whoever made it first, root or the API's user, the other can lock it too."""
    lock = os.open(file.with_name("lock"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(file: Path, text: str) -> None:
    """Replace the file as a whole: the daemon must never read half of one, not even after a power cut."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)  # what a writer that was killed has left may be another user's
    with fresh.open("x", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fchmod(stream.fileno(), 0o644)
        os.fsync(stream.fileno())
    fresh.replace(file)


if __name__ == "__main__":
    sys.exit(main())
