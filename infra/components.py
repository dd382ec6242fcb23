"""The parts of a fleet as Pulumi components: regions, nodes, pools and zones.

Names come from the environment file, never from positions in it: re-ordering the file changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import pulumi

from fleet.topology import FleetNode, SendingAddress
from infra.resources import PrivateKey, Settings
from infra.substrates import NameServer, Substrate

DKIM_ALGORITHM = "rsa2048"  # ed25519 signatures (RFC 8463) are still ignored by the largest receivers


@dataclass(frozen=True)
class RegionArgs:
    """A region's network."""

    network: IPv4Network


class Region(pulumi.ComponentResource):
    """A place that can be lost as a whole; the parent of its nodes."""

    def __init__(self, name: str, args: RegionArgs, substrate: Substrate) -> None:
        super().__init__("mtafleet:index:Region", name)
        substrate.site(name, args.network, self)
        self.register_outputs({"network": str(args.network)})


@dataclass(frozen=True)
class NodeArgs:
    """A node of the fleet and the OpenSSH public key that opens it."""

    node: FleetNode
    ssh_key: pulumi.Input[str]


class Node(pulumi.ComponentResource):
    """A machine of the fleet; `entry` is its place in the stack output `fleet`."""

    entry: Mapping[str, Any]

    def __init__(
        self, name: str, args: NodeArgs, substrate: Substrate, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mtafleet:index:Node", name, None, opts)
        access = substrate.node(args.node, args.ssh_key, self)
        self.entry = {
            "role": args.node.role,
            "site": args.node.site,
            "address": str(args.node.address),
            "ssh_host": access.host,
            "ssh_port": access.port,
            "ssh_user": access.user,
            "host_key": access.host_key,
        }
        self.register_outputs(self.entry)


@dataclass(frozen=True)
class PoolArgs:
    """A pool's sending addresses and the settings that configuration will put into force."""

    addresses: Sequence[SendingAddress]
    settings: Mapping[str, Any]


class Pool(pulumi.ComponentResource):
    """One stream of mail; `entries` is its part of the stack output `fleet.addresses`."""

    entries: Mapping[str, Mapping[str, Any]]

    def __init__(self, name: str, args: PoolArgs, substrate: Substrate) -> None:
        super().__init__("mtafleet:index:Pool", name)
        Settings(f"pool.{name}", f"pool.{name}", args.settings, pulumi.ResourceOptions(parent=self))
        self.entries = {str(sending.address): self._entry(sending, substrate) for sending in args.addresses}
        self.register_outputs({"addresses": sorted(self.entries)})

    def _entry(self, sending: SendingAddress, substrate: Substrate) -> Mapping[str, Any]:
        bound = substrate.address(sending, self)
        return {
            "node": sending.node,
            "pool": sending.pool,
            "public": bound.public,
            "private": bound.private,
            "name": sending.name,
        }


@dataclass(frozen=True)
class ZoneArgs:
    """A zone's name servers, and the DKIM selectors that need keys."""

    name_servers: Sequence[NameServer]
    dkim_selectors: Sequence[str] = ()


class Zone(pulumi.ComponentResource):
    """A DNS zone the fleet answers for; `dkim` maps each selector to its private key (PEM, secret)."""

    dkim: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: ZoneArgs, substrate: Substrate) -> None:
        super().__init__("mtafleet:index:Zone", name)
        substrate.delegate(name, args.name_servers, self)
        inside = pulumi.ResourceOptions(parent=self)
        keys = {
            selector: PrivateKey(f"{selector}._domainkey.{name}", DKIM_ALGORITHM, inside)
            for selector in args.dkim_selectors
        }
        self.dkim = {selector: key.private_key_pem for selector, key in keys.items()}
        self.register_outputs({"name_servers": [server.name for server in args.name_servers]})
