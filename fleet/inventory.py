"""What configuration knows about a node: the environment, what provisioning found, and its secrets.

`NodeModel` is the one object that templates and tree hooks see, as `node`. Secrets are
`SecretStr`: writing one into a file takes an explicit `.get_secret_value()`, so that printing a
model by mistake shows stars.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from fleet.errors import MtafleetError
from fleet.ports import API_PORT, STORE_CLUSTER_PORT, STORE_PORT, Opening, openings
from fleet.spec.models import Environment
from fleet.topology import HEARTBEAT_PORT, SESSIONS_PORT, Fleet, FleetNode, PoolInstance, Role, SendingAddress


class InventoryError(MtafleetError):
    """The outputs of provisioning do not fit the environment."""


class _Output(BaseModel):
    model_config = ConfigDict(frozen=True)


class SessionTarget(_Output):
    """Where AWS's Session Manager finds a machine."""

    instance: str
    region: str


class NodeOutput(_Output):
    """How the operator's machine reaches a node, and the host key it must show."""

    role: Role
    site: str
    address: IPv4Address
    public: IPv4Address | None = None
    """What the world sees of `address` where it is translated."""
    ssh_host: str
    ssh_port: int = 22
    ssh_user: str = "root"
    host_key: str
    """`ssh-ed25519 AAAA...`, without host name or comment."""
    session: SessionTarget | None = None
    """Set where SSH travels through Session Manager, as no port is open; `ssh_host` is then only a name."""
    queue_volume: str | None = None
    """On AWS, the id of the volume that holds a mail server's queues."""


class AcmeOutput(_Output):
    directory: str
    ca_certificate: str | None = None
    """PEM of the authority that signs the directory's own certificate; None: a public one."""


class RootHint(_Output):
    name: str
    address: IPv4Address


class ResolverOutput(_Output):
    root_hints: list[RootHint] = []
    """Empty: the root servers of the internet."""
    trust_anchor: str | None = None
    """A DS or DNSKEY record; None with root hints of one's own: no validation below that root."""


class AddressOutput(_Output):
    node: str
    pool: str
    public: IPv4Address
    private: IPv4Address
    name: str


class Outputs(_Output):
    """The stack output `fleet`."""

    nodes: dict[str, NodeOutput]
    access: dict[str, Any] = {}
    acme: AcmeOutput
    resolver: ResolverOutput = ResolverOutput()
    addresses: dict[IPv4Address, AddressOutput] = {}
    steered_zone_id: str | None = None
    """The zone in Route 53 that the daemons write; None where they write none."""

    @property
    def public_addresses(self) -> dict[IPv4Address, IPv4Address]:
        """What the world sees of machines' and sending addresses, those that are not translated left out."""
        machines = {node.address: node.public for node in self.nodes.values() if node.public is not None}
        return machines | {private: one.public for private, one in self.addresses.items()}


class TsigKey(_Output):
    name: str
    algorithm: str
    secret: SecretStr


class Secrets(_Output):
    """The secret stack output `secrets`."""

    dkim: dict[str, dict[str, SecretStr]] = {}
    """domain -> selector -> private key as PEM."""
    tsig: TsigKey
    store: SecretStr
    """What all certificates of the shared store are derived from; no node is given it."""
    api: SecretStr | None = None
    """What tokens and certificates of the daemons' HTTP API are derived from; no node is given it. None in a
    stack that an earlier version has made: its nodes serve no API until the next `mtafleet up`."""
    users: dict[str, SecretStr] = {}
    """user -> password."""
    ssh_private_key: SecretStr


@dataclass(frozen=True, slots=True)
class Instance:
    """One pool's Postfix instance on one node."""

    pool: PoolInstance
    addresses: tuple[SendingAddress, ...]

    @property
    def name(self) -> str:
        return self.pool.pool

    @property
    def entry_address(self) -> IPv4Address:
        """Where clients submit this pool's mail on this node (465 and 587)."""
        return self.addresses[0].address


@dataclass(frozen=True)
class NodeModel:
    """A node as its templates see it."""

    host: FleetNode
    fleet: Fleet
    outputs: Outputs
    secrets: Secrets

    @property
    def environment(self) -> Environment:
        return self.fleet.environment

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def fqdn(self) -> str:
        return self.host.fqdn

    @property
    def role(self) -> Literal["mta", "witness", "application"]:
        return self.host.role

    @property
    def is_mta(self) -> bool:
        return self.host.role == "mta"

    @property
    def name_server(self) -> bool:
        return self.host.name_server

    @property
    def keeps_store(self) -> bool:
        return self.host in self.fleet.store_nodes

    @property
    def writes_route53(self) -> bool:
        """Whether this node's daemon writes the steered names into Route 53."""
        return self.is_mta and self.outputs.steered_zone_id is not None

    @property
    def store_port(self) -> int:
        return STORE_PORT

    @property
    def store_cluster_port(self) -> int:
        return STORE_CLUSTER_PORT

    @property
    def queue_volume(self) -> str | None:
        """The volume without which the node must queue no mail; see `fleet.aws.queues`."""
        return self.outputs.nodes[self.name].queue_volume

    @property
    def address(self) -> IPv4Address:
        """The node's main address."""
        return self.host.address

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The Postfix instances of this node, in the order of the pools; none unless it is an MTA node."""
        return tuple(
            Instance(pool, addresses)
            for pool in self.fleet.pools
            if (addresses := self.host.sending_of(pool.pool))
        )

    def known_as(self, address: IPv4Address) -> tuple[IPv4Address, ...]:
        """A sending address of this node, and what the world sees in its place where it is translated."""
        output = self.outputs.addresses.get(address)
        return (address,) if output is None or output.public == address else (address, output.public)

    @property
    def openings(self) -> tuple[Opening, ...]:
        """Ports that the packet filter opens besides SSH, the heartbeat and the API."""
        return openings(self.fleet, self.host)

    @property
    def heartbeat_port(self) -> int:
        return HEARTBEAT_PORT

    @property
    def sessions_port(self) -> int:
        return SESSIONS_PORT

    @property
    def api_port(self) -> int:
        return API_PORT

    @property
    def operator_networks(self) -> tuple[IPv4Network, ...]:
        """Where SSH and requests to the API may come from. Empty: SSH from anywhere that something before the
        machine lets through, requests from the fleet alone."""
        if self.environment.aws is not None:
            return tuple(self.environment.aws.operator_networks)
        lab = self.environment.lab
        return (lab.operator_network,) if lab else ()


def node_models(fleet: Fleet, outputs: Outputs, secrets: Secrets) -> dict[str, NodeModel]:
    """A model per machine, by name. Raises InventoryError when provisioning lacks one, or its volume."""
    missing = [node.name for node in fleet.nodes if node.name not in outputs.nodes]
    if missing:
        raise InventoryError(
            f"not provisioned yet: {', '.join(missing)}; "
            f"run `pulumi up --stack {fleet.environment.environment}` first"
        )
    unknown = [node.name for node in fleet.mta_nodes if outputs.nodes[node.name].queue_volume is None]
    if fleet.environment.substrate == "aws" and unknown:
        names = ", ".join(unknown)
        raise InventoryError(f"the outputs do not name the queue volume of {names}: run `mtafleet up` once")
    return {node.name: NodeModel(node, fleet, outputs, secrets) for node in fleet.nodes}


def read_outputs(fleet: Mapping[str, Any], secrets: Mapping[str, Any]) -> tuple[Outputs, Secrets]:
    """The stack outputs `fleet` and `secrets` as typed objects.

    Raises InventoryError that names the key that is wrong, never its value.
    """
    try:
        return Outputs.model_validate(fleet), Secrets.model_validate(secrets)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors(include_input=False)
        )
        raise InventoryError(
            f"the stack's outputs are not as expected: {problems}; run `pulumi up` again"
        ) from None
