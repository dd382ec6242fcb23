"""All that is compared, by the name it has on the command line."""

import shutil
from collections.abc import Iterable, Mapping

from bench.peers.front_doors import Fleet, HaproxyAsShipped, HaproxyFast
from bench.peers.moving import KeepalivedAsShipped, KeepalivedFast
from bench.peers.name_servers import GdnsdAsShipped, GdnsdFast, PowerdnsAsShipped, PowerdnsFast
from bench.peers.tool import Tool

TOOLS: Mapping[str, type[Tool]] = {
    "fleet": Fleet,
    "haproxy-fast": HaproxyFast,
    "haproxy": HaproxyAsShipped,
    "keepalived-fast": KeepalivedFast,
    "keepalived": KeepalivedAsShipped,
    "gdnsd-fast": GdnsdFast,
    "gdnsd": GdnsdAsShipped,
    "powerdns-fast": PowerdnsFast,
    "powerdns": PowerdnsAsShipped,
}
_PACKAGES = {"haproxy": "haproxy", "keepalived": "keepalived", "gdnsd": "gdnsd", "pdns_server": "pdns-server"}
_NEEDS = ("ip", "nft", "nsenter", "ss", "unshare")
_PACKAGES_OF_NEEDS = {
    "ip": "iproute2",
    "ss": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}


def missing(tools: Iterable[type[Tool]]) -> list[str]:
    """Debian packages that `tools` need and this computer lacks."""
    programs = {one.program for one in tools}
    found = {_PACKAGES[one] for one in programs if shutil.which(one) is None}
    found |= {_PACKAGES_OF_NEEDS[one] for one in _NEEDS if shutil.which(one) is None}
    return sorted(found)
