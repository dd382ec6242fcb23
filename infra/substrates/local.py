"""The lab: machines on this computer, made by the `mtalab` provider.

Only resource classes live here. The provider runs in a process of its own, so nothing of the lab is imported.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

import pulumi

from fleet.spec.models import Environment, Lab
from fleet.topology import FleetNode, SendingAddress
from infra.resources import CertificateAuthority
from infra.substrates import BoundAddress, NameServer, NodeAccess, Surroundings

OPERATOR_SITE = "operator"
INTERNET_SITE = "internet"
WORLD_MACHINE = "internet-1"


class _LabResource(pulumi.CustomResource):
    """A resource of the lab; `outputs` are the names of what the provider computes."""

    kind: str
    outputs: tuple[str, ...] = ()

    def __init__(self, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        properties = {**inputs, **dict.fromkeys(self.outputs)}
        super().__init__(f"mtalab:index:{self.kind}", name, properties, opts)


class LabResource(_LabResource):
    """The outer namespace; everything else of the lab lies inside and goes with it."""

    kind = "Lab"
    outputs = ("lab",)
    lab: pulumi.Output[str]


class Image(_LabResource):
    """The image machines boot; `recipe` is its id."""

    kind = "Image"
    outputs = ("recipe",)
    recipe: pulumi.Output[str]


class Site(_LabResource):
    """A place with a router."""

    kind = "Site"
    outputs = ("gateway",)
    name: pulumi.Output[str]
    gateway: pulumi.Output[str]


class Link(_LabResource):
    """Delay, jitter and loss between two sites."""

    kind = "Link"


class Disk(_LabResource):
    """What a machine keeps over boots."""

    kind = "Disk"
    outputs = ("host_key",)
    host_key: pulumi.Output[str]


class Machine(_LabResource):
    """A booted system."""

    kind = "Machine"
    name: pulumi.Output[str]


class Address(_LabResource):
    """A sending address with its reverse name."""

    kind = "Address"


class Delegation(_LabResource):
    """A zone handed to the fleet's name servers."""

    kind = "Delegation"


class World(_LabResource):
    """The simulated internet."""

    kind = "World"
    outputs = ("root_hints", "acme_directory")
    root_hints: pulumi.Output[list[Mapping[str, str]]]


class LabSubstrate:
    """Makes a fleet in the lab."""

    def __init__(self, environment: Environment, lab: Lab) -> None:
        self._environment = environment
        self._spec = lab
        self._lab = LabResource(
            environment.environment, {"environment": environment.environment}, pulumi.ResourceOptions()
        )
        self._image = Image("machines", {}, pulumi.ResourceOptions())
        self._sites: dict[str, Site] = {}
        self._machines: dict[str, Machine] = {}
        self._published: list[pulumi.Resource] = []

    def site(self, name: str, network: IPv4Network, parent: pulumi.Resource | None) -> None:
        inputs = {"lab": self._lab.lab, "name": name, "network": str(network)}
        self._sites[name] = Site(name, inputs, self._inside(parent))

    def node(self, node: FleetNode, ssh_key: pulumi.Input[str], parent: pulumi.Resource) -> NodeAccess:
        disk = self._machine(node.name, node.fqdn, node.site, [str(node.address)], ssh_key, parent)
        return NodeAccess(host=str(node.address), host_key=disk.host_key)

    def address(self, sending: SendingAddress, parent: pulumi.Resource) -> BoundAddress:
        pool = self._environment.pools[sending.pool]
        inputs = {
            "lab": self._lab.lab,
            "machine": self._machines[sending.node].name,
            "address": str(sending.address),
            "reverse_name": sending.name,
            "warm_since": pool.warm_since.isoformat() if pool.warm_since else None,
        }
        self._published.append(Address(str(sending.address), inputs, self._inside(parent)))
        return BoundAddress(public=str(sending.address), private=str(sending.address))

    def delegate(self, zone: str, servers: Sequence[NameServer], parent: pulumi.Resource) -> None:
        listed = [{"name": server.name, "address": server.address} for server in servers]
        inputs = {"lab": self._lab.lab, "zone": zone, "name_servers": listed}
        self._published.append(Delegation(zone, inputs, self._inside(parent)))

    def surroundings(self, ssh_key: pulumi.Input[str]) -> Surroundings:
        self.site(OPERATOR_SITE, self._spec.operator_network, None)
        self.site(INTERNET_SITE, self._spec.internet_network, None)
        self._links()
        authority = CertificateAuthority("world", "mtafleet lab authority")
        world = self._world(ssh_key, authority)
        return Surroundings(
            access={"kind": "lab", "lab_id": self._lab.lab},
            ca_certificate=authority.certificate_pem,
            root_hints=world.root_hints,
        )

    def _links(self) -> None:
        """Join the regions; every other path is the kernel's own."""
        link = self._spec.link
        for site_a, site_b in combinations(sorted(self._environment.regions), 2):
            inputs = {
                "lab": self._lab.lab,
                "site_a": self._sites[site_a].name,
                "site_b": self._sites[site_b].name,
                **link.model_dump(mode="json"),
            }
            Link(f"{site_a}--{site_b}", inputs, self._inside(None))

    def _world(self, ssh_key: pulumi.Input[str], authority: CertificateAuthority) -> World:
        name = WORLD_MACHINE
        self._machine(name, f"{name}.example", INTERNET_SITE, [], ssh_key, None, purpose="world")
        inputs = {
            "lab": self._lab.lab,
            "machine": self._machines[name].id,
            "ca_certificate": authority.certificate_pem,
            "ca_key": authority.private_key_pem,
        }
        return World("world", inputs, self._inside(None, depends_on=self._published))

    def _machine(
        self,
        name: str,
        host_name: str,
        site: str,
        addresses: Sequence[str],
        ssh_key: pulumi.Input[str],
        parent: pulumi.Resource | None,
        purpose: str = "fleet",
    ) -> Disk:
        disk = Disk(
            name,
            {
                "lab": self._lab.lab,
                "name": name,
                "image": self._image.recipe,
                "host_name": host_name,
                "authorized_keys": [ssh_key],
            },
            # A new image, name or key is for new disks: replacing a fleet's disks would lose its queues.
            self._inside(parent, ignore_changes=["image", "host_name", "authorized_keys"]),
        )
        inputs = {
            "lab": self._lab.lab,
            "name": name,
            "disk": disk.id,
            "site": self._sites[site].name,
            "addresses": list(addresses),
            "purpose": purpose,
        }
        # A successor bears the same name: made first, it would be the one that is then deleted.
        options = pulumi.ResourceOptions(delete_before_replace=True)
        self._machines[name] = Machine(
            name, inputs, pulumi.ResourceOptions.merge(self._inside(parent), options)
        )
        return disk

    def _inside(
        self,
        parent: pulumi.Resource | None,
        depends_on: Sequence[pulumi.Resource] = (),
        ignore_changes: Sequence[str] = (),
    ) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=parent,
            deleted_with=self._lab,
            depends_on=list(depends_on),
            ignore_changes=list(ignore_changes),
        )
