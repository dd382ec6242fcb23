"""HAProxy on the client's host: alone, as shipped and as fast as it can be, and with the fleet's daemons."""

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.peers.mailnode import PORT
from bench.peers.tool import FRONT, Tool
from bench.peers.world import CLIENT, Node, run

_BACKEND = "pool_bench_submission"
_SESSIONS_PORT = 7947
_HEARTBEAT_PORT = 7946
_AS_SHIPPED = """
defaults
    mode tcp
    timeout connect 5000
    timeout client 50000
    timeout server 50000
"""
_FAST = """
defaults
    mode tcp
    timeout connect 200ms
    timeout client 50s
    timeout server 50s
    timeout check 200ms
    retries 3
    option redispatch 1
"""
_SMTP_CHECK = "option smtpchk EHLO bench.example"
_FLEET_CHECK = r"""
    option tcp-check
    tcp-check expect rstring "^220 "
    tcp-check send "EHLO bench.example\r\n"
    tcp-check expect rstring "(^|\n)250 "
    tcp-check send "QUIT\r\n"
    tcp-check expect rstring "(^|\n)221 "
"""


class Haproxy(Tool):
    """HAProxy with nothing beside it."""

    name = "HAProxy alone"
    program = "haproxy"
    defaults = _AS_SHIPPED
    check = _SMTP_CHECK
    server_words = "check"
    tells = ""

    def start(self, nodes: Sequence[Node], directory: Path) -> None:
        self._socket = directory / "admin.sock"
        servers = "\n".join(
            f"    server {one.name} {one.address}:{PORT} {self.server_words}" for one in nodes
        )
        (directory / "haproxy.cfg").write_text(
            f"global\n    stats socket {self._socket} level admin\n{self.defaults}\n"
            f"frontend all\n    bind {FRONT[0]}:{FRONT[1]}\n{self.tells}    default_backend {_BACKEND}\n"
            f"backend {_BACKEND}\n    balance roundrobin\n    {self.check}\n{servers}\n"
        )
        configuration = str(directory / "haproxy.cfg")
        run(["haproxy", "-c", "-q", "-f", configuration])
        self.spawn(["haproxy", "-db", "-f", configuration], directory / "haproxy.log")

    def ejections(self) -> int:
        """Times that HAProxy marked a server down."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self._socket))
            sock.sendall(b"show stat\n")
            text = sock.makefile().read()
        head, *lines = [line.split(",") for line in text.splitlines() if line]
        return sum(int(line[head.index("chkdown")]) for line in lines if line[1] in ("a", "b"))


class HaproxyAsShipped(Haproxy):
    setting = "as shipped"
    window_seconds = 15.0
    period_seconds = 2.0
    settle_seconds = 3.0


class HaproxyFast(Haproxy):
    setting = "checks every 100 ms"
    defaults = _FAST
    server_words = (
        "check inter 100ms fastinter 100ms downinter 100ms fall 2 rise 2 observe layer4 on-error mark-down"
    )
    period_seconds = 0.1


class Fleet(Haproxy):
    """HAProxy as on the fleet's application hosts, its daemon beside it and one on each node."""

    name = "mtafleet"
    setting = "as shipped"
    defaults = _FAST.replace("timeout check 200ms", "timeout check 3s")
    check = _FLEET_CHECK
    server_words = (
        "check inter 9s fastinter 1s downinter 1s "
        "fall 3 rise 2 observe layer4 error-limit 2 on-error mark-down"
    )
    tells = (
        f"    log 127.0.0.1:{_SESSIONS_PORT} len 256 format raw local0 info\n"
        '    log-format "%b %s %ci %U %B"\n'
    )
    settle_seconds = 8.0
    period_seconds = 0.5

    def start(self, nodes: Sequence[Node], directory: Path) -> None:
        super().start(nodes, directory)
        self._events = directory / "client-events.jsonl"
        (directory / "secret").write_text(secrets.token_hex(32))
        for node in nodes:
            self._daemon(node.name, node.address, nodes, directory, node)
        self._daemon("client", CLIENT, nodes, directory)

    def ejections(self) -> int:
        """Nodes that the client's front door was told to spare, beside HAProxy's own marks."""
        lines = self._events.read_text().splitlines() if self._events.exists() else []
        left = [
            one for one in map(json.loads, lines) if one["kind"] == "down" and one.get("scope") == "relay"
        ]
        return super().ejections() + len(left)

    def _daemon(
        self, name: str, address: str, nodes: Sequence[Node], directory: Path, node: Node | None = None
    ) -> None:
        file = directory / f"{name}.json"
        file.write_text(json.dumps(self._configuration(name, address, nodes, directory)))
        command = [sys.executable, "-m", "failover", "--config", str(file), "run"]
        self.spawn(node.command(*command) if node else command, directory / f"{name}.log")

    def _configuration(
        self, name: str, address: str, nodes: Sequence[Node], directory: Path
    ) -> dict[str, Any]:
        peers = [
            {
                "name": one.name,
                "site": "east",
                "role": "mta",
                "address": one.address,
                "heartbeat_port": _HEARTBEAT_PORT,
                "probes": {"bench": PORT},
            }
            for one in nodes
        ]
        client = {"name": "client", "site": "client", "role": "application", "address": CLIENT}
        peers.append({**client, "heartbeat_port": _HEARTBEAT_PORT, "probes": {}})
        own = {"socket": str(directory / "admin.sock"), "sessions_port": _SESSIONS_PORT}
        return {
            "node": name,
            "secret_file": str(directory / "secret"),
            "heartbeat": {"address": address, "port": _HEARTBEAT_PORT},
            "peers": peers,
            "pools": {"bench": {"backends": [_BACKEND], "entries": {}, "entry_port": PORT}},
            "policy": {
                "heartbeat_interval_milliseconds": 100,
                "probe_interval_milliseconds": 100,
                "probe_timeout_milliseconds": 200,
                "fall": 2,
                "rise": 20,
                "session_interval_milliseconds": 10_000,
                "session_timeout_milliseconds": 1000,
                "floor_percent": 50,
            },
            "haproxy": own if name == "client" else None,
            "dns": None,
            "views": None,
            "store": None,
            "maintenance": None,
            "status_socket": str(directory / f"{name}.sock"),
            "events_file": str(directory / f"{name}-events.jsonl"),
        }


def haproxy_version() -> str:
    """As `2.6.12-1+deb12u4`."""
    said = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True).stdout
    return said.split()[2]
