"""Route tables, routes, their association with subnets, and peering between VPCs."""

import zlib
from typing import Any

from lab.aws.base import Aws, AwsKind, State, Values
from lab.aws.config import ACCOUNT
from lab.aws.kinds.ec2 import Ec2Kind

_TARGETS = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    "transitGatewayId": "TransitGatewayId",
}
_DESTINATIONS = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
}


class RouteTable(Ec2Kind):
    """A table of routes; `routes` left out leaves them to `aws.ec2.Route`."""

    resource_type = "aws:ec2/routeTable:RouteTable"
    noun = "route-table"
    describe = ("describe_route_tables", "RouteTableIds", "RouteTables")
    fields = {"vpcId": "VpcId", "ownerId": "OwnerId"}
    served = frozenset({"vpcId", "routes", "tags"})
    replaces = frozenset({"vpcId"})
    settled = frozenset({"routes", "propagatingVgws"})
    sets = frozenset({"routes"})

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws("create_route_table", VpcId=wanted["vpcId"], TagSpecifications=self.labels(wanted))
        identity: str = answer["RouteTable"]["RouteTableId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        for route in wanted.get("routes") or []:
            aws("create_route", RouteTableId=identity, **_inline(route))

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        return {"routes": [_flattened(route) for route in _own_routes(item)]}

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if "routes" in names:
            for route in _own_routes(self.item(aws, identity)):
                aws("delete_route", RouteTableId=identity, DestinationCidrBlock=route["DestinationCidrBlock"])
            self.settle(aws, identity, wanted)
        super().change(aws, identity, wanted, actual, names - {"routes"})

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        for association in (self.item(aws, identity) or {}).get("Associations", []):
            if not association.get("Main"):
                aws("disassociate_route_table", AssociationId=association["RouteTableAssociationId"])
        aws("delete_route_table", RouteTableId=identity)


def _own_routes(table: Any) -> list[Any]:
    return [route for route in table.get("Routes", []) if route.get("GatewayId") != "local"]


def _inline(route: Values) -> dict[str, Any]:
    targets = {_TARGETS[name]: value for name, value in route.items() if name in _TARGETS and value}
    return {"DestinationCidrBlock": route["cidrBlock"], **targets}


def _flattened(route: Any) -> State:
    state = {name: route[key] for name, key in _TARGETS.items() if route.get(key)}
    return {"cidrBlock": route.get("DestinationCidrBlock", ""), **state}


class Route(AwsKind):
    """One route of a table. Imported by `TABLE_DESTINATION`."""

    resource_type = "aws:ec2/route:Route"
    served = frozenset({"routeTableId", *_TARGETS, *_DESTINATIONS})
    replaces = frozenset({"routeTableId", *_DESTINATIONS})
    settled = frozenset({"networkInterfaceId"})

    def make(self, aws: Aws, wanted: Values) -> str:
        aws("create_route", RouteTableId=wanted["routeTableId"], **_destination(wanted), **_targets(wanted))
        destination = next(iter(_destination(wanted).values()))
        return f"r-{wanted['routeTableId']}{zlib.crc32(destination.encode())}"

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        if "routeTableId" not in recorded:
            table, _, destination = identity.rpartition("_")
            recorded = {"routeTableId": table, "destinationCidrBlock": destination}
        tables = aws("describe_route_tables", RouteTableIds=[recorded["routeTableId"]])["RouteTables"]
        asked = _destination(recorded)
        for route in tables[0]["Routes"] if tables else []:
            if asked.items() <= route.items():
                state: State = {"routeTableId": recorded["routeTableId"], "state": route.get("State")}
                names = {**_TARGETS, **_DESTINATIONS, "origin": "Origin"}
                return state | {name: route[key] for name, key in names.items() if route.get(key)}
        return None

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if names & _TARGETS.keys():
            aws(
                "replace_route",
                RouteTableId=wanted["routeTableId"],
                **_destination(wanted),
                **_targets(wanted),
            )
        super().change(aws, identity, wanted, actual, names - _TARGETS.keys())

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_route", RouteTableId=recorded["routeTableId"], **_destination(recorded))


def _destination(values: Values) -> dict[str, str]:
    return {key: values[name] for name, key in _DESTINATIONS.items() if values.get(name)}


def _targets(values: Values) -> dict[str, str]:
    return {key: values[name] for name, key in _TARGETS.items() if values.get(name)}


class RouteTableAssociation(AwsKind):
    """Which table a subnet uses. Imported by `SUBNET/TABLE`."""

    resource_type = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    served = frozenset({"routeTableId", "subnetId", "gatewayId"})
    replaces = frozenset({"subnetId", "gatewayId"})

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws(
            "associate_route_table",
            RouteTableId=wanted["routeTableId"],
            SubnetId=wanted.get("subnetId"),
            GatewayId=wanted.get("gatewayId"),
        )
        identity: str = answer["AssociationId"]
        return identity

    def look(self, aws: Aws, identity: str, recorded: Values) -> State | None:
        association = self._association(aws, identity, recorded)
        if association is None:
            return None
        names = {"routeTableId": "RouteTableId", "subnetId": "SubnetId", "gatewayId": "GatewayId"}
        return {name: association[key] for name, key in names.items() if association.get(key)}

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        association = self._association(aws, identity, actual)
        if "routeTableId" in names and association is not None:
            aws(
                "replace_route_table_association",
                AssociationId=association["RouteTableAssociationId"],
                RouteTableId=wanted["routeTableId"],
            )
        super().change(aws, identity, wanted, actual, names - {"routeTableId"})

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        association = self._association(aws, identity, recorded)
        if association is not None:
            aws("disassociate_route_table", AssociationId=association["RouteTableAssociationId"])

    def _association(self, aws: Aws, identity: str, recorded: Values) -> Any:
        """Find it by its id, else by its subnet: replacing it gives it another id."""
        subnet = recorded.get("subnetId") or (identity.partition("/")[0] if "/" in identity else None)
        for table in aws.api.pages("ec2", "describe_route_tables", "RouteTables", region=aws.region):
            for one in table.get("Associations", []):
                if one["RouteTableAssociationId"] == identity or (subnet and one.get("SubnetId") == subnet):
                    return {"RouteTableId": table["RouteTableId"], **one}
        return None


class VpcPeeringConnection(Ec2Kind):
    """A request to join two VPCs; across regions the other side accepts it."""

    resource_type = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"
    noun = "vpc-peering-connection"
    describe = ("describe_vpc_peering_connections", "VpcPeeringConnectionIds", "VpcPeeringConnections")
    served = frozenset({"vpcId", "peerVpcId", "peerRegion", "peerOwnerId", "autoAccept", "tags"})
    replaces = frozenset({"vpcId", "peerVpcId", "peerRegion", "peerOwnerId"})
    settled = frozenset({"peerRegion", "peerOwnerId", "accepter", "requester"})
    unread = frozenset({"autoAccept"})

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws(
            "create_vpc_peering_connection",
            VpcId=wanted["vpcId"],
            PeerVpcId=wanted["peerVpcId"],
            PeerRegion=wanted.get("peerRegion"),
            PeerOwnerId=wanted.get("peerOwnerId"),
            TagSpecifications=self.labels(wanted),
        )
        identity: str = answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        if wanted.get("autoAccept"):
            aws("accept_vpc_peering_connection", VpcPeeringConnectionId=identity)

    def ended(self, item: Any) -> bool:
        return item["Status"]["Code"] in {"deleted", "rejected", "failed", "expired", "deleting"}

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        accepter, requester = item["AccepterVpcInfo"], item["RequesterVpcInfo"]
        return {
            "vpcId": requester["VpcId"],
            "peerVpcId": accepter["VpcId"],
            "peerRegion": accepter.get("Region"),
            "peerOwnerId": accepter.get("OwnerId", ACCOUNT),
            "acceptStatus": item["Status"]["Code"],
        }

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_vpc_peering_connection", VpcPeeringConnectionId=identity)


class VpcPeeringConnectionAccepter(VpcPeeringConnection):
    """The other side's consent. Deleting it only forgets it: the connection belongs to the requester."""

    resource_type = "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter"
    served = frozenset({"vpcPeeringConnectionId", "autoAccept", "tags"})
    replaces = frozenset({"vpcPeeringConnectionId"})
    settled = frozenset({"accepter", "requester"})

    def make(self, aws: Aws, wanted: Values) -> str:
        identity: str = wanted["vpcPeeringConnectionId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        status = (self.item(aws, identity) or {}).get("Status", {}).get("Code")
        if wanted.get("autoAccept") and status != "active":
            aws("accept_vpc_peering_connection", VpcPeeringConnectionId=identity)
        self.retag(aws, identity, {}, self.all_tags(wanted))

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        state = super().more(aws, identity, item, recorded)
        # Seen from here, the peer is the side that asked.
        requester = item["RequesterVpcInfo"]
        # Each region has tags of its own on a connection; descriptions from moto show the requester's.
        tags = aws("describe_tags", Filters=[{"Name": "resource-id", "Values": [identity]}])["Tags"]
        return {
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
            "vpcPeeringConnectionId": identity,
            "acceptStatus": state["acceptStatus"],
            "vpcId": state["peerVpcId"],
            "peerVpcId": state["vpcId"],
            "peerRegion": requester.get("Region"),
            "peerOwnerId": requester.get("OwnerId", ACCOUNT),
        }

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if "autoAccept" in names:
            self.settle(aws, identity, wanted)
        super().change(aws, identity, wanted, actual, names - {"autoAccept"})

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        return None
