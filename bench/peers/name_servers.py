"""Name servers that look at what they answer with: gdnsd, and PowerDNS with Lua records."""

from collections.abc import Sequence
from pathlib import Path

from bench.peers.client import Place
from bench.peers.mailnode import PORT
from bench.peers.tool import Resolving, Tool
from bench.peers.world import Node

_PORT = 5353
_ZONE = "bench.example"
_NAME = f"mail.{_ZONE}"


class NameServer(Tool):
    """Clients ask it once in a TTL, and take the first address."""

    ttl_seconds = 60

    def __init__(self) -> None:
        super().__init__()
        self._resolving = Resolving(_NAME, _PORT)

    async def find(self) -> Place:
        return await self._resolving.find()


class GdnsdAsShipped(NameServer):
    """TCP connections to the port, as its `tcp_connect` does."""

    name = "gdnsd"
    setting = "as shipped (10 s), TTL 60"
    program = "gdnsd"
    service = f"port = {PORT}"
    window_seconds = 30.0
    settle_seconds = 3.0
    period_seconds = 5.0

    def start(self, nodes: Sequence[Node], directory: Path) -> None:
        (directory / "zones").mkdir()
        addresses = " ".join(f"{one.name} = {one.address}," for one in nodes)
        (directory / "config").write_text(
            f"options => {{ listen => 127.0.0.1, dns_port => {_PORT}, min_ttl => 1, "
            f"run_dir => {directory}/run, state_dir => {directory}/state }}\n"
            f"service_types => {{ smtp => {{ plugin => tcp_connect, {self.service} }} }}\n"
            f"plugins => {{ multifo => {{ mail => {{ service_types => smtp, {addresses} }} }} }}\n"
        )
        (directory / "zones" / _ZONE).write_text(
            f"@ {self.ttl_seconds} SOA ns.{_ZONE}. root.{_ZONE}. 1 7200 1800 259200 60\n"
            f"@ {self.ttl_seconds} NS ns.{_ZONE}.\nns {self.ttl_seconds} A 127.0.0.1\n"
            f"mail {self.ttl_seconds} DYNA multifo!mail\n"
        )
        for place in ("run", "state"):
            (directory / place).mkdir()
        self.spawn(["gdnsd", "-c", str(directory), "start"], directory / "gdnsd.log")


class GdnsdFast(GdnsdAsShipped):
    setting = "2 s, TTL 1"
    ttl_seconds = 1
    service = f"port = {PORT}, interval = 2, timeout = 1, up_thresh = 1, ok_thresh = 1, down_thresh = 1"
    window_seconds = 8.0
    period_seconds = 2.0


class PowerdnsAsShipped(NameServer):
    """`ifportup`: TCP connections to the port."""

    name = "PowerDNS"
    setting = "as shipped (5 s), TTL 60"
    program = "pdns_server"
    interval_seconds = 5
    window_seconds = 30.0
    settle_seconds = 3.0
    period_seconds = 5.0

    def start(self, nodes: Sequence[Node], directory: Path) -> None:
        addresses = ", ".join(f"'{one.address}'" for one in nodes)
        (directory / "zone").write_text(
            f"$ORIGIN {_ZONE}.\n@ 60 SOA ns.{_ZONE}. root.{_ZONE}. 1 7200 1800 259200 60\n"
            f"@ 60 NS ns.{_ZONE}.\nns 60 A 127.0.0.1\n"
            f'mail {self.ttl_seconds} LUA A "ifportup({PORT}, {{{addresses}}})"\n'
        )
        (directory / "named.conf").write_text(
            f'zone "{_ZONE}" {{ type master; file "{directory}/zone"; }};\n'
        )
        (directory / "pdns.conf").write_text(
            f"launch=bind\nbind-config={directory}/named.conf\nlocal-address=127.0.0.1\nlocal-port={_PORT}\n"
            f"enable-lua-records=yes\nlua-health-checks-interval={self.interval_seconds}\n"
            f"socket-dir={directory}\nguardian=no\ndaemon=no\ncache-ttl=0\nquery-cache-ttl=0\n"
        )
        self.spawn(["pdns_server", f"--config-dir={directory}"], directory / "pdns.log")


class PowerdnsFast(PowerdnsAsShipped):
    setting = "1 s, TTL 1"
    interval_seconds = 1
    ttl_seconds = 1
    window_seconds = 6.0
    period_seconds = 1.0
