"""Configuration of the world machine's services as text: Knot, Unbound and Pebble."""

import json
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from pathlib import Path

from lab.world import geography
from lab.world.providers import Provider
from lab.world.spec import WorldSpec
from lab.world.zones import Zone, build_zones, listen_addresses

_TEST_NETS = ("2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa", "113.0.203.in-addr.arpa")
"""Resolvers answer for these ranges themselves (RFC 6303) unless told not to; the lab lives in them."""


def render_files(spec: WorldSpec, providers: tuple[Provider, ...], run: Path, serial: int) -> dict[str, str]:
    """Every service's files by their path below `run`; the serial number appears in zone files only."""
    levels = build_zones(spec, providers)
    files = {"unbound.conf": _unbound(run), "root.hints": _root_hints(), "pebble.json": _pebble(run)}
    for level, addresses in listen_addresses(levels).items():
        directory = f"knot-{level}"
        files[f"{directory}/knot.conf"] = _knot(run / directory, addresses, levels[level])
        for zone in levels[level].values():
            files[f"{directory}/zones/{zone_file(zone.name)}"] = zone.text(serial)
    return files


def zone_file(zone: str) -> str:
    """The file name of a zone, also for the root."""
    return f"{zone or 'root'}.zone"


def machine_addresses(spec: WorldSpec, providers: tuple[Provider, ...]) -> list[IPv4Address]:
    """Every address the world machine must own."""
    addresses = {
        address for group in listen_addresses(build_zones(spec, providers)).values() for address in group
    }
    addresses |= {address for provider in providers for address in provider.exchangers.values()}
    return sorted(addresses | {geography.ACME_ADDRESS, geography.RESOLVER_ADDRESS})


def _knot(directory: Path, addresses: Iterable[IPv4Address], zones: Mapping[str, Zone]) -> str:
    listen = ", ".join(f"{address}@53" for address in addresses)
    served = "".join(
        f'  - domain: "{zone.name}."\n    file: "{zone_file(zone.name)}"\n' for zone in zones.values()
    )
    return f"""\
server:
    rundir: "{directory}"
    listen: [ {listen} ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1

log:
  - target: stderr
    any: warning

database:
    storage: "{directory}/db"

template:
  - id: default
    storage: "{directory}/zones"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none

zone:
{served}"""


def _unbound(run: Path) -> str:
    local = "".join(f'    local-zone: "{zone}." nodefault\n' for zone in _TEST_NETS)
    return f"""\
server:
    directory: "{run}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    interface: 127.0.0.1
    interface: {geography.RESOLVER_ADDRESS}
    access-control: 0.0.0.0/0 allow
    do-ip6: no
    num-threads: 1
    module-config: "iterator"
    root-hints: "{run}/root.hints"
    # The fleet publishes and withdraws records within one lab session; old answers must not outlive that.
    cache-max-ttl: 30
    cache-max-negative-ttl: 1
    # A name server that was down a moment ago is asked again soon.
    infra-host-ttl: 5
    infra-keep-probing: yes
{local}
remote-control:
    control-enable: no
"""


def _root_hints() -> str:
    lines = [f". 3600000 IN NS {server.name}." for server in geography.ROOT_SERVERS]
    lines += [f"{server.name}. 3600000 IN A {server.address}" for server in geography.ROOT_SERVERS]
    return "\n".join(lines) + "\n"


def _pebble(run: Path) -> str:
    settings = {
        "listenAddress": f"{geography.ACME_ADDRESS}:{geography.ACME_PORT}",
        "managementListenAddress": f"{geography.ACME_ADDRESS}:{geography.ACME_MANAGEMENT_PORT}",
        "certificate": str(run / "tls" / "acme.pem"),
        "privateKey": str(run / "tls" / "acme.key"),
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": 90 * 86_400,
    }
    return json.dumps({"pebble": settings}, indent=2) + "\n"
