"""Elastic IPs: the addresses whose reputation took months, so they outlive every machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

import pulumi
import pulumi_aws as aws

from fleet.topology import FleetNode
from infra.substrates.aws.cloud import Cloud

AS_FOUND = ["domain", "networkBorderGroup", "publicIpv4Pool", "tags"]
"""What stays as it is on an Elastic IP that the account had before."""


@dataclass(frozen=True)
class AddressesArgs:
    """A site's machines: each has an Elastic IP for its own address and for each it sends from."""

    nodes: Sequence[FleetNode]


class Addresses(pulumi.ComponentResource):
    """A site's Elastic IPs by private address."""

    def __init__(self, site: str, args: AddressesArgs, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:Addresses", site)
        self.elastic: Mapping[IPv4Address, aws.ec2.Eip] = {
            address: self._elastic_ip(site, address, bearer, cloud)
            for node in args.nodes
            for address, bearer in _bearers(node)
        }
        self.register_outputs({"public": {str(key): one.public_ip for key, one in self.elastic.items()}})

    def _elastic_ip(self, site: str, address: IPv4Address, bearer: str, cloud: Cloud) -> aws.ec2.Eip:
        place = cloud.places[site]
        before = place.moved.get(address)
        options = cloud.at(site, self, protect=True, aliases=[str(before)] if before else ())
        existing = place.existing.get(address)
        if existing is not None:
            kept = pulumi.ResourceOptions(import_=existing, ignore_changes=AS_FOUND)
            options = pulumi.ResourceOptions.merge(options, kept)
        return aws.ec2.Eip(str(address), domain="vpc", tags=cloud.tags(bearer), opts=options)


def _bearers(node: FleetNode) -> Sequence[tuple[IPv4Address, str]]:
    """A node's private addresses, each with the name it bears."""
    return [
        (node.address, node.name),
        *((one.address, f"{node.name}-{one.pool}-{one.ordinal}") for one in node.sending),
    ]


def reverse_name(
    private: IPv4Address, elastic: aws.ec2.Eip, name: str, forward: pulumi.Resource, site: str, cloud: Cloud
) -> aws.ec2.EipDomainName:
    """Ask for an Elastic IP's PTR record; AWS grants it only while `name` resolves to that address."""
    before = cloud.places[site].moved.get(private)
    return aws.ec2.EipDomainName(
        str(private),
        allocation_id=elastic.allocation_id,
        domain_name=name,
        opts=cloud.at(site, elastic, aliases=[str(before)] if before else (), depends_on=[forward]),
    )
