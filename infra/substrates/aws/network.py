"""A site's network: VPC, two subnets, routes, the packet filter, and the lines between sites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

import pulumi
import pulumi_aws as aws

from fleet.aws.layout import zone_networks
from fleet.ports import API_PORT, openings
from fleet.spec.aws import AwsPlace
from fleet.topology import HEARTBEAT_PORT, Fleet
from infra.substrates.aws.cloud import Cloud

EVERYWHERE = "0.0.0.0/0"
SSH = 22
OUTBOUND_TCP = (25, 53, 80, 443)
"""Mail, DNS, packages, certificates and AWS's own services."""
OUTBOUND_UDP = (53, 123)


@dataclass(frozen=True)
class NetworkArgs:
    """A site's network, its place, and the rules of its packet filter (as `packet_filter` gives them)."""

    network: IPv4Network
    place: AwsPlace
    rules: Mapping[str, Sequence[Mapping[str, Any]]]


class Network(pulumi.ComponentResource):
    """The network of one site."""

    def __init__(self, site: str, args: NetworkArgs, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:Network", site)
        inside = cloud.at(site, self)
        self.vpc = aws.ec2.Vpc(
            site,
            cidr_block=str(args.network),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=cloud.tags(site),
            opts=inside,
        )
        gateway = aws.ec2.InternetGateway(site, vpc_id=self.vpc.id, tags=cloud.tags(site), opts=inside)
        self.routes = aws.ec2.RouteTable(site, vpc_id=self.vpc.id, tags=cloud.tags(site), opts=inside)
        self._way_out = aws.ec2.Route(
            f"{site}.internet",
            route_table_id=self.routes.id,
            destination_cidr_block=EVERYWHERE,
            gateway_id=gateway.id,
            opts=inside,
        )
        self.subnets = [
            self._subnet(zone, subnet, site, cloud)
            for zone, subnet in zip(args.place.zones, zone_networks(args.network), strict=True)
        ]
        self.filter = aws.ec2.SecurityGroup(
            site,
            description="Mail servers of the fleet",
            vpc_id=self.vpc.id,
            ingress=[aws.ec2.SecurityGroupIngressArgs(**rule) for rule in args.rules["ingress"]],
            egress=[aws.ec2.SecurityGroupEgressArgs(**rule) for rule in args.rules["egress"]],
            tags=cloud.tags(site),
            opts=inside,
        )
        self.register_outputs({"vpc_id": self.vpc.id, "subnet_ids": [one.id for one in self.subnets]})

    def _subnet(self, zone: str, network: IPv4Network, site: str, cloud: Cloud) -> aws.ec2.Subnet:
        name = f"{site}.{zone}"
        subnet = aws.ec2.Subnet(
            name,
            vpc_id=self.vpc.id,
            cidr_block=str(network),
            availability_zone=zone,
            map_public_ip_on_launch=False,
            tags=cloud.tags(name),
            opts=cloud.at(site, self),
        )
        aws.ec2.RouteTableAssociation(
            name, subnet_id=subnet.id, route_table_id=self.routes.id, opts=cloud.at(site, subnet)
        )
        return subnet


@dataclass(frozen=True)
class PeeringArgs:
    """The two sites that are joined, in alphabetical order, with their networks."""

    requester: str
    accepter: str
    networks: Mapping[str, Network]


class Peering(pulumi.ComponentResource):
    """A line between two sites, with a route at each end."""

    def __init__(self, name: str, args: PeeringArgs, cloud: Cloud) -> None:
        super().__init__("mtafleet:aws:Peering", name)
        asked = aws.ec2.VpcPeeringConnection(
            name,
            vpc_id=args.networks[args.requester].vpc.id,
            peer_vpc_id=args.networks[args.accepter].vpc.id,
            peer_region=cloud.places[args.accepter].region,
            auto_accept=False,
            tags=cloud.tags(name),
            opts=cloud.at(args.requester, self),
        )
        granted = aws.ec2.VpcPeeringConnectionAccepter(
            name,
            vpc_peering_connection_id=asked.id,
            auto_accept=True,
            tags=cloud.tags(name),
            opts=cloud.at(args.accepter, self),
        )
        for here, there in ((args.requester, args.accepter), (args.accepter, args.requester)):
            aws.ec2.Route(
                f"{here}.{there}",
                route_table_id=args.networks[here].routes.id,
                destination_cidr_block=str(cloud.networks[there]),
                vpc_peering_connection_id=asked.id,
                opts=cloud.at(here, self, depends_on=[granted]),
            )
        self.register_outputs({"peering_id": asked.id})


def networks(cloud: Cloud) -> dict[str, Network]:
    """Every site's network, joined with every other's."""
    rules = packet_filter(cloud.fleet, cloud.spec.operator_networks)
    made = {
        site: Network(site, NetworkArgs(cloud.networks[site], place, rules), cloud)
        for site, place in cloud.places.items()
    }
    for one, other in combinations(sorted(made), 2):
        Peering(f"{one}--{other}", PeeringArgs(one, other, made), cloud)
    return made


def packet_filter(fleet: Fleet, operator_networks: Sequence[IPv4Network]) -> dict[str, list[dict[str, Any]]]:
    """The rules of every site: what nodes open to all, what only to each other, and the way in.

    The filter on each machine is narrower still: it tells addresses of one machine apart.
    """
    inside = sorted(str(network) for network in fleet.site_networks().values())
    listed = [opening for node in fleet.nodes for opening in openings(fleet, node)]
    everyone = {(one.protocol, port) for one in listed if not one.internal for port in one.ports}
    peers = sorted(port for one in listed if one.internal for port in one.ports)
    ingress = [_rule(protocol, port, [EVERYWHERE]) for protocol, port in sorted(everyone)]
    ingress.append(_rule("icmp", 3, [EVERYWHERE], 4))  # "fragmentation needed": path MTU discovery
    # One range, since AWS counts every rule times every network and stops at 60.
    ingress.append(_rule("tcp", peers[0], inside, peers[-1]))
    ingress.append(_rule("udp", HEARTBEAT_PORT, inside))
    if operator_networks:
        operators = sorted(map(str, operator_networks))
        ingress += [_rule("tcp", SSH, operators), _rule("tcp", API_PORT, operators)]
    egress = [_rule("tcp", port, [EVERYWHERE]) for port in OUTBOUND_TCP]
    egress += [_rule("udp", port, [EVERYWHERE]) for port in OUTBOUND_UDP]
    egress.append(_rule("-1", 0, inside))
    return {"ingress": ingress, "egress": egress}


def _rule(protocol: str, port: int, networks: Sequence[str], last: int | None = None) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "from_port": port,
        "to_port": port if last is None else last,
        "cidr_blocks": list(networks),
    }
