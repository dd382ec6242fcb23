"""The pack under the real engine: a first preview, in which no address is known, is stopped by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.paths import project_root
from lab.aws.server.app import Server, serving
from tests.aws.stack import AwsStack

pytestmark = pytest.mark.engine

PACK = str(project_root() / "policy")
PROGRAM = """
    import pulumi_aws as aws, pulumi
    east = aws.Provider("east", region="us-east-1")
    here = pulumi.ResourceOptions(provider=east, protect=True)
    ours = aws.ec2.Eip("10.10.0.21", domain="vpc", opts=here)
    other = aws.ec2.Eip("10.10.0.41", domain="vpc", opts=here)
    zone = aws.route53.Zone("zone", name="dev-fleet.example", opts=here)
    aws.route53.Record(
        "helo", zone_id=zone.zone_id, name="transactional-1.virginia-1.dev-fleet.example", type="A", ttl=300,
        records=[SHOWN.public_ip], opts=pulumi.ResourceOptions(provider=east))
    vpc = aws.ec2.Vpc("vpc", cidr_block="10.10.0.0/20", opts=pulumi.ResourceOptions(provider=east))
    aws.ec2.SecurityGroup(
        "filter", vpc_id=vpc.id, opts=pulumi.ResourceOptions(provider=east),
        ingress=[aws.ec2.SecurityGroupIngressArgs(
            protocol="tcp", from_port=PORT, to_port=PORT, cidr_blocks=["0.0.0.0/0"])])
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("faults") / "faults.json") as server:
        yield server


def stack_with(folder: Path, aws: Server, shown: str, port: int) -> AwsStack:
    program = PROGRAM.replace("SHOWN", shown).replace("PORT", str(port))
    stack = AwsStack.make(folder, aws, program)
    file = str(project_root() / "environments" / "dev.yaml")
    stack.run("config", "set", "mtafleet:environment", file, "--stack", "dev")
    return stack


def test_damage_is_named_though_addresses_are_unknown(aws: Server, tmp_path: Path) -> None:
    stack = stack_with(tmp_path, aws, shown="other", port=22)
    done = stack.run("preview", "--stack", "dev", "--policy-pack", PACK)
    assert done.status != 0, done.text
    assert "`filter` opens port 22 to the world" in done.text
    name = "transactional-1.virginia-1.dev-fleet.example"
    assert f"the A record of its HELO name `{name}` shows another address" in done.text
    assert "can't run policy" not in done.text


def test_what_is_right_is_not_complained_of(aws: Server, tmp_path: Path) -> None:
    stack = stack_with(tmp_path, aws, shown="ours", port=25)
    done = stack.run("preview", "--stack", "dev", "--policy-pack", PACK)
    assert "to the world" not in done.text
    assert "shows another address" not in done.text
    # Of the environment's other addresses there is nothing in this program.
    assert done.text.count("there is no Elastic IP for") == 2
