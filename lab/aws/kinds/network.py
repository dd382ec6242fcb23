"""VPCs, subnets and internet gateways."""

from typing import Any

from lab.aws.base import Aws, State, Values
from lab.aws.kinds.ec2 import Ec2Kind

_TAGGED = frozenset({"tags"})


class Vpc(Ec2Kind):
    """A virtual network. Its two DNS switches are set one call at a time, as EC2 asks."""

    resource_type = "aws:ec2/vpc:Vpc"
    noun = "vpc"
    describe = ("describe_vpcs", "VpcIds", "Vpcs")
    fields = {
        "cidrBlock": "CidrBlock",
        "instanceTenancy": "InstanceTenancy",
        "dhcpOptionsId": "DhcpOptionsId",
        "ownerId": "OwnerId",
    }
    served = _TAGGED | {"cidrBlock", "instanceTenancy", "enableDnsHostnames", "enableDnsSupport"}
    replaces = frozenset({"cidrBlock"})
    defaults = {"enableDnsSupport": True, "enableDnsHostnames": False, "instanceTenancy": "default"}
    _switches = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws(
            "create_vpc",
            CidrBlock=wanted["cidrBlock"],
            InstanceTenancy=wanted.get("instanceTenancy"),
            TagSpecifications=self.labels(wanted),
        )
        identity: str = answer["Vpc"]["VpcId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        names = {
            name
            for name in self._switches
            if wanted.get(name, self.defaults[name]) != (name == "enableDnsSupport")
        }
        self.change(aws, identity, wanted, {}, frozenset(names))

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        state: State = {
            name: aws("describe_vpc_attribute", VpcId=identity, Attribute=name)[key]["Value"]
            for name, key in self._switches.items()
        }
        of_vpc = [{"Name": "vpc-id", "Values": [identity]}]
        tables = aws(
            "describe_route_tables", Filters=[*of_vpc, {"Name": "association.main", "Values": ["true"]}]
        )["RouteTables"]
        groups = aws(
            "describe_security_groups", Filters=[*of_vpc, {"Name": "group-name", "Values": ["default"]}]
        )["SecurityGroups"]
        if tables:
            state["mainRouteTableId"] = state["defaultRouteTableId"] = tables[0]["RouteTableId"]
        if groups:
            state["defaultSecurityGroupId"] = groups[0]["GroupId"]
        return state

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        for name in sorted(names & self._switches.keys()):
            value = {"Value": wanted.get(name, self.defaults[name])}
            aws("modify_vpc_attribute", VpcId=identity, **{self._switches[name]: value})
        super().change(aws, identity, wanted, actual, names - self._switches.keys())

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_vpc", VpcId=identity)


class Subnet(Ec2Kind):
    """A range of a VPC in one availability zone."""

    resource_type = "aws:ec2/subnet:Subnet"
    noun = "subnet"
    describe = ("describe_subnets", "SubnetIds", "Subnets")
    fields = {
        "vpcId": "VpcId",
        "cidrBlock": "CidrBlock",
        "availabilityZone": "AvailabilityZone",
        "availabilityZoneId": "AvailabilityZoneId",
        "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
        "ownerId": "OwnerId",
    }
    served = _TAGGED | {"vpcId", "cidrBlock", "availabilityZone", "mapPublicIpOnLaunch"}
    replaces = frozenset({"vpcId", "cidrBlock", "availabilityZone"})
    settled = frozenset({"availabilityZone", "availabilityZoneId"})
    defaults = {"mapPublicIpOnLaunch": False}

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws(
            "create_subnet",
            VpcId=wanted["vpcId"],
            CidrBlock=wanted.get("cidrBlock"),
            AvailabilityZone=wanted.get("availabilityZone"),
            TagSpecifications=self.labels(wanted),
        )
        identity: str = answer["Subnet"]["SubnetId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        if wanted.get("mapPublicIpOnLaunch"):
            self.change(aws, identity, wanted, {}, frozenset({"mapPublicIpOnLaunch"}))

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if "mapPublicIpOnLaunch" in names:
            value = {"Value": wanted.get("mapPublicIpOnLaunch", False)}
            aws("modify_subnet_attribute", SubnetId=identity, MapPublicIpOnLaunch=value)
        super().change(aws, identity, wanted, actual, names - {"mapPublicIpOnLaunch"})

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        aws("delete_subnet", SubnetId=identity)


class InternetGateway(Ec2Kind):
    """A VPC's way to the internet; it can move from one VPC to another."""

    resource_type = "aws:ec2/internetGateway:InternetGateway"
    noun = "internet-gateway"
    describe = ("describe_internet_gateways", "InternetGatewayIds", "InternetGateways")
    fields = {"ownerId": "OwnerId"}
    served = _TAGGED | {"vpcId"}
    settled = frozenset({"vpcId"})

    def make(self, aws: Aws, wanted: Values) -> str:
        answer = aws("create_internet_gateway", TagSpecifications=self.labels(wanted))
        identity: str = answer["InternetGateway"]["InternetGatewayId"]
        return identity

    def settle(self, aws: Aws, identity: str, wanted: Values) -> None:
        if "vpcId" in wanted:
            aws("attach_internet_gateway", InternetGatewayId=identity, VpcId=wanted["vpcId"])

    def more(self, aws: Aws, identity: str, item: Any, recorded: Values) -> State:
        attachments = item.get("Attachments", [])
        return {"vpcId": attachments[0]["VpcId"]} if attachments else {}

    def change(self, aws: Aws, identity: str, wanted: Values, actual: Values, names: frozenset[str]) -> None:
        if "vpcId" in names:
            self._detach(aws, identity, actual)
            self.settle(aws, identity, wanted)
        super().change(aws, identity, wanted, actual, names - {"vpcId"})

    def remove(self, aws: Aws, identity: str, recorded: Values) -> None:
        self._detach(aws, identity, self.look(aws, identity, recorded) or {})
        aws("delete_internet_gateway", InternetGatewayId=identity)

    def _detach(self, aws: Aws, identity: str, actual: Values) -> None:
        if actual.get("vpcId"):
            aws("detach_internet_gateway", InternetGatewayId=identity, VpcId=actual["vpcId"])
