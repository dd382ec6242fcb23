"""Small programs of `pulumi_aws` classes under the real engine, over the stand-in and a simulated AWS."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.engine import find_engine
from lab.aws.server.app import Server
from tests.aws.account import left
from tests.aws.stack import AwsStack

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(find_engine() is None, reason="no Pulumi engine: tools/bootstrap builds one"),
]

PROVIDERS = """
import pulumi, pulumi_aws as aws

def at(site, **more):
    return pulumi.ResourceOptions(provider=sites[site], **more)

sites = {
    "east": aws.Provider("east", region="us-east-1", default_tags={"tags": {"fleet": "dev"}}),
    "west": aws.Provider("west", region="us-west-2", default_tags={"tags": {"fleet": "dev"}}),
}
"""
FLEET = (
    PROVIDERS
    + """
zone = aws.route53.Zone("zone", name="mail.example", opts=at("east"))
for number, site in enumerate(sites):
    vpc = aws.ec2.Vpc(f"vpc-{site}", cidr_block=f"10.{number}.0.0/16", tags={"Name": site}, opts=at(site))
    zone_name = {"east": "us-east-1a", "west": "us-west-2a"}[site]
    subnet = aws.ec2.Subnet(f"subnet-{site}", vpc_id=vpc.id, cidr_block=f"10.{number}.1.0/24",
                            availability_zone=zone_name, opts=at(site))
    smtp = aws.ec2.SecurityGroupIngressArgs(protocol="tcp", from_port=25, to_port=25,
                                            cidr_blocks=["0.0.0.0/0"])
    group = aws.ec2.SecurityGroup(f"group-{site}", vpc_id=vpc.id, ingress=[smtp], opts=at(site))
    volume = aws.ebs.Volume(f"spool-{site}", availability_zone=zone_name, size=20, type="gp3",
                            encrypted=True, opts=at(site))
    machine = aws.ec2.Instance(
        f"node-{site}", ami="ami-0123456789abcdef0", instance_type="t3.small", subnet_id=subnet.id,
        vpc_security_group_ids=[group.id], private_ip=f"10.{number}.1.10",
        secondary_private_ips=[f"10.{number}.1.11"], tags={"Name": site},
        metadata_options=aws.ec2.InstanceMetadataOptionsArgs(http_tokens="required", http_endpoint="enabled"),
        root_block_device={"encrypted": True, "volume_size": 8, "volume_type": "gp3"},
        opts=at(site, delete_before_replace=True))
    aws.ec2.VolumeAttachment(f"spool-on-{site}", device_name="/dev/sdf", instance_id=machine.id,
                             volume_id=volume.id, opts=at(site, delete_before_replace=True))
    address = aws.ec2.Eip(f"address-{site}", domain="vpc", opts=at(site))
    aws.ec2.EipAssociation(f"association-{site}", allocation_id=address.id,
                           private_ip_address=f"10.{number}.1.11",
                           network_interface_id=machine.primary_network_interface_id,
                           opts=at(site, delete_before_replace=True))
    record = aws.route53.Record(f"record-{site}", zone_id=zone.zone_id, name=f"{site}.mail.example", type="A",
                                ttl=300, records=[address.public_ip], opts=at("east"))
    aws.ec2.EipDomainName(f"name-{site}", allocation_id=address.id, domain_name=f"{site}.mail.example",
                          opts=at(site, depends_on=[record]))
"""
)
OF_FLEET = 24  # the stack, two providers, a zone and ten resources at each site


@pytest.fixture
def make(tmp_path: Path, aws: Server) -> Iterator[Callable[[str], AwsStack]]:
    made: list[AwsStack] = []

    def build(program: str) -> AwsStack:
        made.append(AwsStack.make(tmp_path, aws, program))
        return made[-1]

    yield build
    for stack in made:
        stack.end()


def drift(aws: Server, stack: AwsStack) -> None:
    """Change seven kinds of resource behind Pulumi's back."""
    state = {f"{one['type']} {name}": one for name, one in stack.resources().items()}
    ids = {key.rpartition(":")[2]: one["id"] for key, one in state.items()}
    ec2 = aws.client("ec2")
    ec2.create_tags(Resources=[ids["Vpc vpc-east"]], Tags=[{"Key": "Name", "Value": "drifted"}])
    door = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=ids["SecurityGroup group-east"], IpPermissions=[door])
    ec2.modify_subnet_attribute(SubnetId=ids["Subnet subnet-east"], MapPublicIpOnLaunch={"Value": True})
    machine = ids["Instance node-east"]
    ec2.modify_instance_metadata_options(InstanceId=machine, HttpTokens="optional", HttpEndpoint="enabled")
    ec2.disassociate_address(AssociationId=ids["EipAssociation association-east"])
    route53, zone = aws.client("route53"), ids["Zone zone"]
    record = {"Name": "west.mail.example", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)
    aws.client("ec2", "us-west-2").reset_address_attribute(
        AllocationId=ids["EipDomainName name-west"], Attribute="domain-name"
    )


def test_the_life_of_two_regions(make: Callable[[str], AwsStack], aws: Server) -> None:
    """Up, unchanged, an exact difference, drift of seven kinds, a replaced machine, gone without a trace."""
    stack = make(FLEET)
    first = stack.up()
    assert first.status == 0, first.text
    assert first.counts == {"created": OF_FLEET}
    unchanged = stack.up("--refresh")
    assert unchanged.counts == {"unchanged": OF_FLEET}, unchanged.text

    stack.write(FLEET.replace("ttl=300", "ttl=60").replace("size=20", "size=40"))
    preview = stack.preview()
    assert preview.counts == {"to update": 4, "unchanged": OF_FLEET - 4}, preview.text
    assert preview.text.count("~ ttl: 300 => 60") == 2
    assert preview.text.count("~ size: 20 => 40") == 2
    assert stack.up().counts == {"updated": 4, "unchanged": OF_FLEET - 4}

    drift(aws, stack)
    found = stack.up("--refresh")
    assert found.counts == {"created": 2, "updated": 5, "changes": 7, "unchanged": OF_FLEET - 7}, found.text

    before = stack.resources()
    stack.write(
        FLEET.replace("ttl=300", "ttl=60")
        .replace("size=20", "size=40")
        .replace('ami="ami-0123456789abcdef0"', 'ami="ami-1" if site == "east" else "ami-0123456789abcdef0"')
    )
    replaced = stack.up("--refresh")  # which finds no drift any more
    assert replaced.counts == {"replaced": 3, "unchanged": OF_FLEET - 3}, replaced.text
    after = stack.resources()
    assert after["vpc-east"]["id"] == before["vpc-east"]["id"]
    assert {name for name in after if after[name]["id"] != before[name]["id"]} == {
        "node-east",
        "spool-on-east",
        "association-east",
    }

    gone = stack.destroy()
    assert gone.status == 0, gone.text
    assert left(aws, ("us-east-1", "us-west-2")) == {}
    stack.await_end()


TWO_NETWORKS = (
    PROVIDERS
    + """
for site in sites:
    aws.ec2.Vpc(f"vpc-{site}", cidr_block="10.0.0.0/16", tags={"Name": f"vpc-{site}"}, opts=at(site))
"""
)


def test_a_create_that_dies_half_way_is_finished_by_the_next_up(
    make: Callable[[str], AwsStack], aws: Server, inject: Callable[..., None]
) -> None:
    program = TWO_NETWORKS.replace('tags={"Name"', 'enable_dns_hostnames=True, tags={"Name"')
    stack = make(program.replace("=True", '="perhaps"'))
    mistyped = stack.preview()
    assert mistyped.status != 0
    assert "enableDnsHostnames" in mistyped.text
    assert "Input should be a valid boolean" in mistyped.text

    stack.write(program)
    inject({"fault": "denied", "region": "us-east-1", "operation": "ModifyVpcAttribute"})
    failed = stack.up()
    assert failed.status != 0
    assert "UnauthorizedOperation" in failed.text
    assert "Traceback" not in failed.text
    inject()
    again = stack.up()
    assert again.status == 0, again.text
    assert again.counts["updated"] == 1
    assert len([one for one in aws.client("ec2").describe_vpcs()["Vpcs"] if not one["IsDefault"]]) == 1
    assert set(stack.up("--refresh").counts) == {"unchanged"}
