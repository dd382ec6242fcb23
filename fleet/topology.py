"""The derived view of an environment: nodes, addresses, names and ports.

Nothing here is written by a person: it all follows from the environment file, so that DNS,
inventory, front doors and probes cannot disagree with each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from fleet.spec.models import Environment

Role = Literal["mta", "witness", "application"]

INBOUND_PORT = 10025
INBOUND_PROBE_PORT = 10026
HEARTBEAT_PORT = 7946
SESSIONS_PORT = 7947
"""On loopback: HAProxy tells the failover daemon there of each session as it ends."""
STS_LABEL = "sts"


def router_address(network: IPv4Network) -> IPv4Address:
    """Where a lab's site has its router: at the last usable address of its network."""
    return network[-2]


@dataclass(frozen=True, slots=True)
class SendingAddress:
    """One address mail leaves from; `name` is its HELO, its A record and its PTR."""

    address: IPv4Address
    node: str
    pool: str
    ordinal: int
    """1 for the pool's first address on this node, which also takes submissions."""
    name: str

    @property
    def takes_submissions(self) -> bool:
        return self.ordinal == 1


@dataclass(frozen=True, slots=True)
class PoolInstance:
    """The Postfix instance that serves one pool; the same ports on every node."""

    pool: str
    ordinal: int
    """0 for the pool written first in the environment file."""
    submission_name: str

    @property
    def smtps_port(self) -> int:
        """PROXY v2 listener, TLS from the first byte."""
        return self._block + 465

    @property
    def submission_port(self) -> int:
        """PROXY v2 listener, STARTTLS."""
        return self._block + 587

    @property
    def probe_port(self) -> int:
        """Listener without PROXY header for probes of fleet nodes; relays nothing."""
        return self._block + 25

    @property
    def hand_over_port(self) -> int:
        """Listener for mail that a drained peer hands over, TLS from the first byte."""
        return self._block + 26

    @property
    def _block(self) -> int:
        return 11_000 + 1_000 * self.ordinal


@dataclass(frozen=True, slots=True)
class FleetNode:
    """A machine of the fleet; `site` is its region, or the site of the witness or application host."""

    name: str
    role: Role
    site: str
    address: IPv4Address
    fqdn: str
    name_server: bool
    sending: tuple[SendingAddress, ...]

    def sending_of(self, pool: str) -> tuple[SendingAddress, ...]:
        return tuple(one for one in self.sending if one.pool == pool)

    def entry_address(self, pool: str) -> IPv4Address | None:
        """Where clients submit mail for `pool` on this node; None when the node has no part in it."""
        return next((one.address for one in self.sending_of(pool) if one.takes_submissions), None)


@dataclass(frozen=True)
class Fleet:
    """Everything that follows from one environment file."""

    environment: Environment

    @classmethod
    def of(cls, environment: Environment) -> "Fleet":
        return cls(environment)

    @cached_property
    def nodes(self) -> tuple[FleetNode, ...]:
        """Every machine of the fleet, sorted by name within MTA nodes, witness, application host."""
        return (*self.mta_nodes, self.witness, *((self.application,) if self.application else ()))

    @cached_property
    def mta_nodes(self) -> tuple[FleetNode, ...]:
        found = [
            self._mta_node(region_name, node_name)
            for region_name, region in self.environment.regions.items()
            for node_name in region.nodes
        ]
        return tuple(sorted(found, key=lambda node: node.name))

    @cached_property
    def witness(self) -> FleetNode:
        witness = self.environment.witness
        return self._plain_node(witness.node, "witness", witness.site, witness.address)

    @cached_property
    def application(self) -> FleetNode | None:
        if self.environment.lab is None:
            return None
        host = self.environment.lab.application
        return self._plain_node(host.node, "application", host.site, host.address)

    @cached_property
    def pools(self) -> tuple[PoolInstance, ...]:
        return tuple(
            PoolInstance(name, ordinal, pool.submission)
            for ordinal, (name, pool) in enumerate(self.environment.pools.items())
        )

    @cached_property
    def sending_addresses(self) -> tuple[SendingAddress, ...]:
        return tuple(address for node in self.mta_nodes for address in node.sending)

    @property
    def name_servers(self) -> tuple[FleetNode, ...]:
        return tuple(node for node in self.mta_nodes if node.name_server)

    @cached_property
    def store_nodes(self) -> tuple[FleetNode, ...]:
        """The nodes that keep the shared store, one a site and odd in number; see `failover.store_nodes`."""
        named = self.environment.failover.store_nodes
        if named:
            return tuple(self.node(name) for name in named)
        regions = self.environment.regions
        firsts = tuple(self.node(min(regions[name].nodes)) for name in sorted(regions))
        return firsts if len(firsts) % 2 else (*firsts, self.witness)

    @property
    def answers_for_its_zones(self) -> bool:
        """Whether the fleet's own name servers publish its records, the steered ones included.

        On AWS Route 53 does: there the name servers hold the zone of certificate challenges only.
        """
        return self.environment.substrate != "aws"

    @property
    def machines_bring_up_addresses(self) -> bool:
        """Whether a machine itself has to bring up what it sends from; in a lab that is done from outside."""
        return self.environment.substrate == "aws"

    @property
    def sts_name(self) -> str:
        """The steered name under which nodes serve MTA-STS policies over HTTPS."""
        return f"{STS_LABEL}.{self.environment.operator.steered_zone}"

    @property
    def acme_zone(self) -> str:
        """The dynamic zone that holds answers to ACME challenges."""
        return f"acme.{self.environment.operator.domain}"

    def node(self, name: str) -> FleetNode:
        """The node called `name`; KeyError when there is none."""
        return self._by_name[name]

    def members(self, pool: str) -> tuple[FleetNode, ...]:
        """The nodes that have addresses in `pool`."""
        return tuple(node for node in self.mta_nodes if node.sending_of(pool))

    def name_server_name(self, node: FleetNode) -> str:
        """`ns-REGION.DOMAIN` for a region's first name server, `ns-NODE.DOMAIN` for further ones."""
        first = next(one for one in self.name_servers if one.site == node.site)
        label = node.site if first.name == node.name else node.name
        return f"ns-{label}.{self.environment.operator.domain}"

    def mx_name(self, node: FleetNode) -> str:
        """The name under which a node takes mail from the internet."""
        return f"mx-{node.name}.{self.environment.operator.domain}"

    def site_networks(self) -> dict[str, IPv4Network]:
        """Every site's network by name: regions, witness and, in a lab, the application host."""
        networks = {name: region.network for name, region in self.environment.regions.items()}
        networks[self.environment.witness.site] = self.environment.witness.network
        if self.environment.lab is not None:
            host = self.environment.lab.application
            networks[host.site] = host.network
        return networks

    @cached_property
    def _by_name(self) -> dict[str, FleetNode]:
        return {node.name: node for node in self.nodes}

    def _mta_node(self, region: str, name: str) -> FleetNode:
        spec = self.environment.regions[region].nodes[name]
        return FleetNode(
            name=name,
            role="mta",
            site=region,
            address=spec.address,
            fqdn=self._fqdn(name),
            name_server=spec.name_server,
            sending=tuple(self._sending(name)),
        )

    def _plain_node(self, name: str, role: Role, site: str, address: IPv4Address) -> FleetNode:
        return FleetNode(name, role, site, address, self._fqdn(name), name_server=False, sending=())

    def _sending(self, node: str) -> Iterator[SendingAddress]:
        for pool_name, pool in self.environment.pools.items():
            for ordinal, address in enumerate(pool.addresses.get(node, ()), start=1):
                yield SendingAddress(
                    address, node, pool_name, ordinal, f"{pool_name}-{ordinal}.{self._fqdn(node)}"
                )

    def _fqdn(self, node: str) -> str:
        return f"{node}.{self.environment.operator.domain}"
