"""The shape of the lab's network, as pure functions: names, addresses, lists of `ip` commands.

Each site has a network namespace with a bridge (its local network) and a router: a veth pair
leads to the `core` namespace, which knows a route to every site and no other. A second way,
`wan`, leads through the forwarder when the path between two sites is to be slow or lossy.
All ends of the core's veth pairs use the same two link-local addresses: a route names its device.
"""

import hashlib
from ipaddress import IPv4Network

from fleet.topology import router_address

CORE = "core"
BRIDGE = "lan"
UPLINK = "core"
WAN = "wan"
MACHINE_DEVICE = "eth0"
CORE_ADDRESS = "169.254.0.1"
ROUTER_ADDRESS = "169.254.0.2"
_LONGEST_DEVICE_NAME = 15


def site_namespace(site: str) -> str:
    return f"site-{site}"


def machine_namespace(machine: str) -> str:
    return f"node-{machine}"


def device_name(prefix: str, name: str) -> str:
    """A network device's name: at most 15 characters, still different for different long names."""
    plain = f"{prefix}-{name}"
    if len(plain) <= _LONGEST_DEVICE_NAME:
        return plain
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{plain[: _LONGEST_DEVICE_NAME - 6]}{digest}"


def core_port(site: str) -> str:
    """The core's end of a site's uplink."""
    return device_name("s", site)


def machine_port(machine: str) -> str:
    """A site bridge's end of a machine's cable."""
    return device_name("m", machine)


def gateway(network: str) -> str:
    """The router's address in a site's network."""
    return str(router_address(IPv4Network(network)))


def prefix_length(network: str) -> int:
    return IPv4Network(network).prefixlen


def site_commands(site: str, network: str) -> list[str]:
    """What to do in a new site's namespace, whose core namespace exists."""
    port = core_port(site)
    address = gateway(network)
    return [
        "link set lo up",
        f"link add {BRIDGE} type bridge forward_delay 0 mcast_snooping 0",
        f"addr add {address}/{prefix_length(network)} dev {BRIDGE}",
        f"link set {BRIDGE} up",
        f"link add {UPLINK} type veth peer name {port} netns {CORE}",
        f"addr add {ROUTER_ADDRESS}/32 dev {UPLINK}",
        f"link set {UPLINK} up",
        f"route add default via {CORE_ADDRESS} dev {UPLINK} onlink src {address}",
    ]


def core_commands(site: str, network: str) -> list[str]:
    """What to do in the core's namespace once the site's uplink is there."""
    port = core_port(site)
    return [
        f"addr add {CORE_ADDRESS}/32 dev {port}",
        f"link set {port} up",
        f"route replace {network} via {ROUTER_ADDRESS} dev {port} onlink",
    ]


def machine_commands(machine: str, network: str, addresses: tuple[str, ...]) -> list[str]:
    """What to do in a machine's namespace once its cable is there."""
    length = prefix_length(network)
    return [
        "link set lo up",
        *(f"addr add {address}/{length} dev {MACHINE_DEVICE}" for address in addresses),
        f"link set {MACHINE_DEVICE} up",
        f"route add default via {gateway(network)} dev {MACHINE_DEVICE} src {addresses[0]}",
    ]


def cable_commands(machine: str) -> list[str]:
    """What to do in the site's namespace to give a machine's namespace a cable to the bridge."""
    port = machine_port(machine)
    namespace = machine_namespace(machine)
    return [
        f"link add {port} type veth peer name {MACHINE_DEVICE} netns {namespace}",
        f"link set {port} master {BRIDGE}",
        f"link set {port} up",
    ]


ROUTER_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/icmp_ratelimit": "0",  # who sends to nowhere learns so at once
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
}
MACHINE_SETTINGS = {
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
}
"""Kernel settings of the namespaces, as paths below /proc/sys. The lab speaks IPv4 only."""
