"""What a fleet is made on: one small interface, one module for each substrate.

A substrate turns the parts of a fleet into resources of its provider and says how to reach them. The
components call it once for each part and pass themselves as parent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, Protocol

import pulumi

from fleet.topology import FleetNode, SendingAddress


@dataclass(frozen=True)
class NodeAccess:
    """How the operator's machine reaches a node over SSH, and the host key it must show."""

    host: pulumi.Input[str]
    host_key: pulumi.Input[str]
    port: int = 22
    user: str = "root"


@dataclass(frozen=True)
class BoundAddress:
    """A sending address as the world sees it and as the node binds it; they differ behind translation."""

    public: pulumi.Input[str]
    private: pulumi.Input[str]


@dataclass(frozen=True)
class NameServer:
    """A name server and the address its glue record shows."""

    name: str
    address: str


@dataclass(frozen=True)
class Surroundings:
    """What lies around the fleet: the way in, the certificate authority, the root of the name tree.

    `ca_certificate` is a PEM, None for a public authority; `root_hints` are `{name, address}`, empty for the
    internet's own.
    """

    access: Mapping[str, Any]
    ca_certificate: pulumi.Input[str] | None = None
    root_hints: pulumi.Input[Sequence[Mapping[str, str]]] = field(default_factory=list)
    trust_anchor: str | None = None


class Substrate(Protocol):
    """Makes the parts of one fleet. Parts refer to each other by name: a site before its nodes,
    a node before its addresses."""

    def site(self, name: str, network: IPv4Network, parent: pulumi.Resource | None) -> None:
        """Make a place that can fail as one."""

    def node(self, node: FleetNode, ssh_key: pulumi.Input[str], parent: pulumi.Resource) -> NodeAccess:
        """Make a machine that lets the holder of `ssh_key` (an OpenSSH public key) in."""

    def address(self, sending: SendingAddress, parent: pulumi.Resource) -> BoundAddress:
        """Give a node a sending address with its reverse name."""

    def delegate(self, zone: str, servers: Sequence[NameServer], parent: pulumi.Resource) -> None:
        """Have the parent of `zone` refer to the fleet's name servers."""

    def surroundings(self, ssh_key: pulumi.Input[str]) -> Surroundings:
        """Finish what belongs to the fleet as a whole; called once, after all parts."""
