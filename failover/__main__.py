"""`python3 -m failover`: run the daemon, ask it for its status, or check a configuration file."""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from failover.ask import ask
from failover.config import Config, load_config, load_secret, load_tsig_key
from failover.errors import FailoverError

CONFIG_FILE = Path("/etc/mtafleet/failover/config.json")
STATUS_SOCKET = Path("/run/mtafleet/failover.sock")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 something a person has to put right (one message on stderr)."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "status":
                _status(options.socket, as_json=options.json)
            case "history":
                _history(options)
            case "check":
                _load(options.config)
            case _:
                _run(*_load(options.config))
    except FailoverError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m failover", description=__doc__)
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, help="configuration file (%(default)s)")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="run the daemon (also without any command)")
    commands.add_parser("check", help="check the configuration file and the keys it names")
    status = commands.add_parser("status", help="ask the running daemon what it knows")
    status.add_argument("--socket", type=Path, default=STATUS_SOCKET, help="its socket (%(default)s)")
    status.add_argument("--json", action="store_true", help="print all of it as JSON")
    history = commands.add_parser("history", help="what it did and was ordered, as JSON lines")
    history.add_argument("--node", help="about this node alone")
    history.add_argument("--since", type=float, default=0.0, help="seconds since 1970")
    history.add_argument("--limit", type=int, default=100, help="so many of the last (%(default)s)")
    history.add_argument("--everything", action="store_true", help="suspicions, doubts and troubles too")
    return parser


def _load(path: Path) -> tuple[Config, bytes]:
    """The configuration and the heartbeat secret; also checks the other keys, where they are named."""
    config = load_config(path)
    if config.steering is not None:
        load_tsig_key(config.steering.tsig_key_file)
    if config.store is not None:
        from failover.store import tls_context  # noqa: PLC0415  a status call needs no client

        tls_context(config.store)
    return config, load_secret(config.secret_file)


def _run(config: Config, secret: bytes) -> None:
    import asyncio  # noqa: PLC0415  a status call needs neither of these

    from failover.assembly import run_daemon  # noqa: PLC0415

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_daemon(config, secret, stop)

    asyncio.run(run())


def _status(socket: Path, *, as_json: bool) -> None:
    status = ask(socket)
    print(json.dumps(status, indent=2) if as_json else _brief(status))


def _history(options: argparse.Namespace) -> None:
    from failover.history import read_history  # noqa: PLC0415  a status call needs none

    entries = read_history(
        load_config(options.config).events_file,
        since=options.since,
        limit=options.limit,
        node=options.node,
        everything=options.everything,
    )
    for entry in entries:
        print(json.dumps(entry, separators=(",", ":")))


def _brief(status: dict[str, Any]) -> str:
    lines = [f"{status['node']}, up {status['uptime_seconds']:.0f} s"]
    if status["doubt"]:
        lines.append(f"in doubt: {status['doubt']}")
    if status["maintenance"]["error"]:
        lines.append(f"maintenance orders: {status['maintenance']['error']}")
    lines += _writer_lines(status["dns"])
    for pool, nodes in status["pools"].items():
        for node, scopes in nodes.items():
            for scope, one in scopes.items():
                state = "in service" if one["in_service"] else "OUT"
                lines.append(f"{pool:16} {node:12} {scope:6} {state:10} {one['reason']}")
    return "\n".join(lines)


def _writer_lines(dns: dict[str, Any] | None) -> list[str]:
    """Who writes DNS as this node knows it, and since when it cannot ask."""
    lease = (dns or {}).get("lease")
    if not lease:
        return []
    if lease["failing_seconds"] is not None:
        return [f"this node writes no DNS: for {lease['failing_seconds']:.0f} s, {lease['error']}"]
    return [f"DNS is written by {lease['holder'] or 'nobody'}, epoch {lease['epoch']}"]


if __name__ == "__main__":
    sys.exit(main())
