"""Both stacks of fleets on AWS against the SDK's mocks: resources, inputs, names, protection."""

import json
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pulumi
import pytest

from fleet.dns.model import txt_text
from fleet.dns.spf import named_addresses
from fleet.inventory import Outputs, Secrets
from fleet.spec.models import Environment
from fleet.topology import Fleet
from infra.stack_settings import StackSettings, StackSettingsError
from infra.substrates.aws.dns import provider_values
from tests.infra.aws_run import AwsRun, Both, environment_called, public_addresses, run_both, run_part

EIP = "aws:ec2/eip:Eip"
INSTANCE = "aws:ec2/instance:Instance"
RECORD = "aws:route53/record:Record"
REVERSE = "aws:ec2/eipDomainName:EipDomainName"
CHECK = "aws:route53/healthCheck:HealthCheck"
FILTER = "aws:ec2/securityGroup:SecurityGroup"
ASSOCIATION = "aws:ec2/eipAssociation:EipAssociation"


@pytest.fixture(scope="module")
def staging() -> Iterator[Both]:
    yield run_both(environment_called("staging"))


@pytest.fixture(scope="module")
def production() -> Iterator[Both]:
    yield run_both(environment_called("production"))


@pytest.fixture(scope="module", params=["staging", "production"])
def both(request: pytest.FixtureRequest) -> Both:
    found: Both = request.getfixturevalue(request.param)
    return found


# The foundation


def test_every_address_has_an_elastic_ip_that_is_protected(both: Both) -> None:
    fleet = Fleet.of(both.environment)
    wanted = {str(node.address) for node in fleet.nodes}
    wanted |= {str(sending.address) for sending in fleet.sending_addresses}
    found = both.foundation.of(EIP)
    assert set(found) == wanted
    assert all(one.protect for one in found.values())


def test_forward_reverse_and_helo_names_agree(both: Both) -> None:
    public = public_addresses(both.environment)
    records = both.foundation.of(RECORD)
    reverse = both.foundation.of(REVERSE)
    for sending in Fleet.of(both.environment).sending_addresses:
        private = str(sending.address)
        assert reverse[private].inputs["allocationId"] == f"eipalloc-{private}"
        assert reverse[private].inputs["domainName"] == sending.name
        assert records[f"{sending.name} A"].inputs["records"] == [public[private]]


def test_reverse_names_wait_for_the_delegation() -> None:
    environment = environment_called("dev")
    assert run_part(environment, "foundation").of(REVERSE) == {}


def test_what_outlives_machines_is_protected(both: Both) -> None:
    for kind in ("aws:route53/zone:Zone", "aws:kms/key:Key", "aws:ebs/volume:Volume", "aws:s3/bucket:Bucket"):
        found = both.foundation.of(kind)
        assert found, kind
        assert all(one.protect for one in found.values()), kind
    for kind in ("mtafleet:index:PrivateKey", "mtafleet:index:SharedSecret"):
        assert all(one.protect for one in both.foundation.of(kind).values()), kind


def test_a_destroy_of_the_foundation_meets_something_protected_before_anything_else(both: Both) -> None:
    """The engine begins with what nothing depends on: only the seal, and protected things."""
    made = both.foundation.mocks.resources
    seal = made["mtafleet:index:Settings", "foundation"]
    assert seal.protect
    bare = {key for key, one in made.items() if key[0].startswith("aws:") and not one.protect}
    assert bare
    assert bare <= seal.dependencies


def test_every_mail_server_has_an_encrypted_queue_volume_in_its_own_zone(staging: Both) -> None:
    volumes = staging.foundation.of("aws:ebs/volume:Volume")
    zones = {name: one.inputs["availabilityZone"] for name, one in volumes.items()}
    assert zones == {
        "virginia-1": "us-east-1a",
        "virginia-2": "us-east-1b",
        "ireland-1": "eu-west-1a",
        "ireland-2": "eu-west-1b",
    }
    for name, one in volumes.items():
        assert one.inputs["encrypted"] is True
        assert one.inputs["kmsKeyId"] == f"arn:key/{name.rpartition('-')[0]}"


def test_spf_records_name_public_addresses_only(staging: Both) -> None:
    public = public_addresses(staging.environment)
    value = staging.foundation.of(RECORD)["staging-news.example TXT"].inputs["records"][0]
    marketing = staging.environment.pools["marketing"].addresses.values()
    expected = {public[str(address)] for addresses in marketing for address in addresses}
    assert {str(one) for one in named_addresses(txt_text(f'"{value}"'))} == expected


def test_long_text_is_split_as_the_provider_wants_it() -> None:
    from fleet.dns.hosted import RecordSet  # noqa: PLC0415

    one = RecordSet("a.example", "TXT", 300, ())
    assert provider_values(one, ['"one" "two"']) == ['one""two']
    assert provider_values(RecordSet("a.example", "A", 300, ()), ["192.0.2.1"]) == ["192.0.2.1"]


def test_records_never_overwrite_what_was_there(both: Both) -> None:
    records = both.foundation.of(RECORD)
    assert records
    assert all(one.inputs["allowOverwrite"] is False for one in records.values())


def test_a_domain_hosted_elsewhere_gets_a_list_instead_of_a_zone(production: Both) -> None:
    assert set(production.foundation.of("aws:route53/zone:Zone")) == {
        "fleet.example",
        "shop.example",
        "news.example",
    }
    records = [name for name in production.foundation.of(RECORD) if "partner.example" in name]
    assert records == ["partner.example._report._dmarc.fleet.example TXT"]
    listed = production.foundation.exports["foundation"]["records_to_publish"]["partner.example"]
    kinds = {(one["name"], one["type"]) for one in listed}
    assert ("s1._domainkey.partner.example", "TXT") in kinds
    assert ("bounce.partner.example", "MX") in kinds
    values = {(one["name"], one["type"]): one["values"] for one in listed}
    assert values["partner.example", "TXT"][0].startswith('"v=spf1 ip4:198.51.100.')


def test_evidence_is_versioned_encrypted_locked_and_closed(staging: Both) -> None:
    run = staging.foundation
    assert run.of("aws:s3/bucket:Bucket")["evidence"].inputs["objectLockEnabled"] is True
    closed = run.of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")["evidence"].inputs
    assert all(closed[key] for key in closed if key != "bucket")
    lock = run.of("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")["evidence"].inputs
    assert lock["rule"] == {"defaultRetention": {"mode": "COMPLIANCE", "days": 90}}
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    (rule,) = run.of(kind)["evidence"].inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == "arn:key/virginia"


def with_place(environment: Environment, region: str, **update: Any) -> Environment:
    spec = environment.regions[region]
    assert spec.aws is not None
    changed = spec.model_copy(update={"aws": spec.aws.model_copy(update=update)})
    return environment.model_copy(update={"regions": {**environment.regions, region: changed}})


def test_an_existing_elastic_ip_is_taken_over_as_it_is() -> None:
    private = IPv4Address("10.10.0.21")
    environment = with_place(environment_called("dev"), "virginia", existing={private: "eipalloc-0123456789"})
    found = run_part(environment, "foundation").of(EIP)
    assert found["10.10.0.21"].import_id == "eipalloc-0123456789"
    assert "tags" in found["10.10.0.21"].ignore_changes
    assert found["10.10.0.41"].import_id == ""


def test_a_moved_address_keeps_its_elastic_ip() -> None:
    new, old = IPv4Address("10.10.0.21"), IPv4Address("10.10.0.77")
    environment = with_place(environment_called("dev"), "virginia", moved={new: old})
    both = run_both(environment)
    assert both.foundation.of(EIP)["10.10.0.21"].aliases == ("10.10.0.77",)
    assert both.foundation.of(REVERSE)["10.10.0.21"].aliases == ("10.10.0.77",)
    assert both.fleet.of(ASSOCIATION)["10.10.0.21"].aliases == ("10.10.0.77",)


def test_an_existing_zone_is_taken_over() -> None:
    environment = environment_called("dev")
    assert environment.aws is not None
    zones = {"dev-shop.example": "Z0123456789"}
    spec = environment.aws.model_copy(update={"existing_zones": zones})
    environment = environment.model_copy(update={"aws": spec})
    found = run_part(environment, "foundation").of("aws:route53/zone:Zone")
    assert found["dev-shop.example"].import_id == "Z0123456789"
    assert found["dev-news.example"].import_id == ""


# The fleet


def test_machines_insist_on_signed_metadata_and_encrypted_disks(both: Both) -> None:
    machines = both.fleet.of(INSTANCE)
    assert set(machines) == {node.name for node in Fleet.of(both.environment).nodes}
    for machine in machines.values():
        assert machine.inputs["metadataOptions"]["httpTokens"] == "required"
        assert machine.inputs["rootBlockDevice"]["encrypted"] is True
        assert machine.inputs["rootBlockDevice"]["kmsKeyId"].startswith("arn:key/")
        assert "keyName" not in machine.inputs


def test_a_machines_interface_bears_all_its_addresses(staging: Both) -> None:
    machine = staging.fleet.of(INSTANCE)["virginia-1"].inputs
    assert machine["privateIp"] == "10.20.0.11"
    assert machine["secondaryPrivateIps"] == ["10.20.0.21", "10.20.0.22", "10.20.0.41", "10.20.0.51"]
    assert machine["subnetId"] == "virginia.us-east-1a-id"
    bound = staging.fleet.of(ASSOCIATION)
    assert len(bound) == 16 + 5
    assert bound["10.20.0.22"].inputs["allocationId"] == "eipalloc-10.20.0.22"
    assert bound["10.20.0.22"].inputs["networkInterfaceId"] == "eni-virginia-1"
    assert bound["10.20.0.22"].inputs["privateIpAddress"] == "10.20.0.22"


def test_a_changed_image_replaces_only_the_node_that_is_to_be_replaced() -> None:
    environment = environment_called("dev")
    foundation = run_part(environment, "foundation")
    fleet = run_part(environment, "fleet", foundation, replacing=frozenset({"ireland-1"}))
    kept = {name: one.ignore_changes for name, one in fleet.of(INSTANCE).items()}
    assert kept == {
        "virginia-1": ("ami", "userData"),
        "witness-1": ("ami", "userData"),
        "ireland-1": (),
    }
    assert all(one.delete_before_replace for one in fleet.of(INSTANCE).values())


def test_queues_are_attached_and_mounted(staging: Both) -> None:
    attached = staging.fleet.of("aws:ec2/volumeAttachment:VolumeAttachment")
    assert set(attached) == {"virginia-1", "virginia-2", "ireland-1", "ireland-2"}
    assert attached["ireland-2"].inputs["volumeId"] == "ireland-2-id"
    secret = staging.fleet.of(INSTANCE)["ireland-2"].inputs["userData"]
    assert set(secret) == {"value", "4dabf18193072939515e22adb298388d"}, "it holds a key: a secret"
    told = secret["value"]
    assert "nvme-Amazon_Elastic_Block_Store_ireland2id" in told
    assert "PEM host.ireland-2" in told
    assert "amazon-ssm-eu-west-1/latest/debian_amd64" in told
    assert "mounts" not in staging.fleet.of(INSTANCE)["witness-1"].inputs["userData"]["value"]


WORLD = "0.0.0.0/0"


def test_only_mail_names_and_policies_are_open_to_the_world(both: Both) -> None:
    for one in both.fleet.of(FILTER).values():
        ports = {
            (rule["protocol"], port)
            for rule in one.inputs["ingress"]
            if WORLD in rule["cidrBlocks"] and rule["protocol"] != "icmp"
            for port in range(int(rule["fromPort"]), int(rule["toPort"]) + 1)
        }
        assert ports == {("tcp", 25), ("tcp", 53), ("udp", 53), ("tcp", 443), ("tcp", 465), ("tcp", 587)}
        assert not any(rule["fromPort"] <= 22 <= rule["toPort"] for rule in tcp(one.inputs["ingress"]))


def tcp(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for rule in rules if rule["protocol"] in ("tcp", "-1")]


def test_ssh_comes_from_the_operators_networks_and_nowhere_else() -> None:
    environment = environment_called("dev")
    assert environment.aws is not None
    networks = [environment.witness.network.supernet(new_prefix=24)]
    environment = environment.model_copy(
        update={"aws": environment.aws.model_copy(update={"operator_networks": networks})}
    )
    both = run_both(environment)
    for one in both.fleet.of(FILTER).values():
        ssh = [rule for rule in tcp(one.inputs["ingress"]) if rule["fromPort"] <= 22 <= rule["toPort"]]
        assert [rule["cidrBlocks"] for rule in ssh] == [["10.12.0.0/24"]]
    assert both.fleet.exports["fleet"]["access"] == {"kind": "direct"}
    assert "amazon-ssm" not in both.fleet.of(INSTANCE)["ireland-1"].inputs["userData"]["value"]
    node = both.fleet.exports["fleet"]["nodes"]["ireland-1"]
    assert node["ssh_host"] == node["public"] == public_addresses(environment)["10.11.0.11"]
    assert node["session"] is None


def test_without_operator_networks_nodes_are_reached_by_instance_and_region(staging: Both) -> None:
    fleet = staging.fleet.exports["fleet"]
    assert fleet["access"] == {"kind": "session-manager"}
    regions = {"virginia": "us-east-1", "ireland": "eu-west-1", "ohio": "us-east-2"}
    for name, node in fleet["nodes"].items():
        assert node["session"] == {"instance": f"{name}-id", "region": regions[node["site"]]}
        assert node["ssh_host"] == node["instance"] == f"{name}-id"


def test_a_filter_stays_within_what_aws_allows(both: Both) -> None:
    for one in both.fleet.of(FILTER).values():
        assert sum(len(rule["cidrBlocks"]) for rule in one.inputs["ingress"]) <= 60


def test_node_ports_are_open_between_all_sites(production: Both) -> None:
    inside = {str(network) for network in Fleet.of(production.environment).site_networks().values()}
    for one in production.fleet.of(FILTER).values():
        internal = [rule for rule in one.inputs["ingress"] if WORLD not in rule["cidrBlocks"]]
        assert all(set(rule["cidrBlocks"]) == inside for rule in internal)
        assert {(rule["protocol"], rule["fromPort"], rule["toPort"]) for rule in internal} == {
            ("tcp", 10025, 13587),
            ("udp", 7946, 7946),
        }


def test_every_pair_of_sites_is_joined_both_ways(production: Both) -> None:
    peerings = production.fleet.of("aws:ec2/vpcPeeringConnection:VpcPeeringConnection")
    assert len(peerings) == 4 * 3 / 2
    assert peerings["ireland--virginia"].provider == "aws-ireland"
    accepted = production.fleet.of("aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter")
    assert accepted["ireland--virginia"].provider == "aws-virginia"
    routes = production.fleet.of("aws:ec2/route:Route")
    assert len(routes) == 4 + 4 * 3
    assert routes["virginia.ireland"].inputs["destinationCidrBlock"] == "10.31.0.0/20"
    assert routes["virginia.ireland"].provider == "aws-virginia"


def test_a_node_is_healthy_by_its_own_port_and_the_word_of_other_sites(both: Both) -> None:
    assert both.environment.aws is not None
    spec = both.environment.aws.checks
    checks = both.fleet.of(CHECK)
    fleet = Fleet.of(both.environment)
    assert len(checks) == len(fleet.mta_nodes) * (spec.views + 3)
    for node in fleet.mta_nodes:
        whole = checks[node.name].inputs
        assert (whole["type"], whole["childHealthThreshold"]) == ("CALCULATED", 2)
        assert whole["childHealthchecks"] == [f"{node.name}.port-id", f"{node.name}.vouched-id"]
        vouched = checks[f"{node.name}.vouched"].inputs
        assert vouched["childHealthThreshold"] == spec.agreeing
        assert len(vouched["childHealthchecks"]) == spec.views
        observers = [child.removesuffix("-id").rpartition(".")[2] for child in vouched["childHealthchecks"]]
        assert all(fleet.node(name).site != node.site for name in observers)
        view = checks[f"{node.name}.seen-by.{observers[0]}"].inputs
        assert (view["type"], view["resourcePath"]) == ("HTTPS", f"/steering/{node.name}")


def test_steered_names_answer_every_healthy_node(staging: Both) -> None:
    records = staging.fleet.of(RECORD)
    name = "marketing.submit.staging-fleet.example"
    found = {key: one.inputs for key, one in records.items() if key.startswith(f"{name} ")}
    assert set(found) == {f"{name} {node}" for node in ("virginia-1", "virginia-2", "ireland-1", "ireland-2")}
    public = public_addresses(staging.environment)
    one = found[f"{name} ireland-2"]
    assert one["records"] == [public["10.21.8.41"]]
    assert one["multivalueAnswerRoutingPolicy"] is True
    assert one["healthCheckId"] == "ireland-2-id"
    assert one["setIdentifier"] == "ireland-2"
    assert one["ttl"] == 30
    assert sum(key.startswith("sts.submit.staging-fleet.example ") for key in records) == 4


def rights_of_machines(run: AwsRun) -> dict[str, Any]:
    """Action -> the resources it is granted for."""
    assert run.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment") == {}
    assert set(run.of("aws:iam/rolePolicy:RolePolicy")) == {"node"}
    policy = json.loads(run.of("aws:iam/rolePolicy:RolePolicy")["node"].inputs["policy"])
    granted: dict[str, Any] = {}
    for one in policy["Statement"]:
        assert one["Effect"] == "Allow"
        actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
        granted |= dict.fromkeys(actions, one["Resource"])
    return granted


def test_a_machine_may_raise_alarms_and_be_reached_and_nothing_else(staging: Both) -> None:
    granted = rights_of_machines(staging.fleet)
    assert "arn:topic/virginia" in granted.pop("sns:Publish")
    assert "*" not in [*granted.pop("kms:Decrypt"), *granted.pop("kms:GenerateDataKey")]
    assert granted == dict.fromkeys(
        [
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ],
        "*",
    )


def test_a_machine_that_operators_reach_by_ssh_has_no_business_with_session_manager() -> None:
    dev = environment_called("dev")
    assert dev.aws
    reached = dev.aws.model_copy(update={"operator_networks": [IPv4Network("192.0.2.0/24")]})
    run = run_both(dev.model_copy(update={"aws": reached})).fleet
    assert set(rights_of_machines(run)) == {"sns:Publish", "kms:Decrypt", "kms:GenerateDataKey"}


def test_a_budget_is_made_where_the_file_asks_for_one(staging: Both) -> None:
    budget = staging.fleet.of("aws:budgets/budget:Budget")["monthly"].inputs
    assert (budget["limitAmount"], budget["timeUnit"]) == ("800", "MONTHLY")
    dev = environment_called("dev")
    assert run_both(dev).fleet.of("aws:budgets/budget:Budget") == {}


def test_outputs_feed_configuration_as_everywhere(both: Both) -> None:
    outputs = Outputs.model_validate(both.fleet.exports["fleet"])
    secrets = Secrets.model_validate(both.fleet.exports["secrets"])
    assert set(outputs.nodes) == {node.name for node in Fleet.of(both.environment).nodes}
    public = public_addresses(both.environment)
    for private, entry in outputs.addresses.items():
        assert str(entry.public) == public[str(private)]
    assert set(secrets.users) == set(both.environment.users)
    assert set(secrets.dkim) == set(both.environment.domains)


# Both


def test_every_resource_of_aws_names_its_provider(both: Both) -> None:
    for (kind, name), one in both.all():
        if kind.startswith("aws:"):
            assert one.provider.startswith("aws-"), f"{kind} {name}"
        assert one.provider or not kind.startswith("aws:")


def test_providers_work_in_the_environments_account_only(both: Both) -> None:
    for run in (both.foundation, both.fleet):
        providers = run.of("pulumi:providers:aws")
        assert {one.inputs["allowedAccountIds"] for one in providers.values()} == {'["123456789012"]'}
        regions = {name: one.inputs["region"] for name, one in providers.items()}
        assert regions["aws-ireland"] == "eu-west-1"
        assert regions["aws-global"] == "us-east-1"


def reordered(environment: Environment) -> Environment:
    def backwards(values: dict[str, Any]) -> dict[str, Any]:
        return dict(reversed(values.items()))

    regions = {
        name: region.model_copy(update={"nodes": backwards(region.nodes)})
        for name, region in backwards(environment.regions).items()
    }
    pools = {
        name: pool.model_copy(update={"addresses": backwards(pool.addresses)})
        for name, pool in backwards(environment.pools).items()
    }
    changed = {"domains": backwards(environment.domains), "users": backwards(environment.users)}
    return environment.model_copy(update={"regions": regions, "pools": pools, **changed})


def test_reordering_the_file_changes_no_resource(staging: Both) -> None:
    again = run_both(reordered(staging.environment))
    assert again.foundation.mocks.resources == staging.foundation.mocks.resources
    assert again.fleet.mocks.resources == staging.fleet.mocks.resources


def test_a_further_node_changes_no_other_nodes_resources(staging: Both) -> None:
    environment = staging.environment
    ireland = environment.regions["ireland"]
    new = ireland.nodes["ireland-2"].model_copy(update={"address": IPv4Address("10.21.8.12")})
    nodes = {"ireland-0": new, **ireland.nodes}
    grown = environment.model_copy(
        update={"regions": {**environment.regions, "ireland": ireland.model_copy(update={"nodes": nodes})}}
    )
    foundation = AwsRun(staging.foundation.mocks, {**staging.foundation.exports})
    shown = foundation.exports["foundation"]
    new_address = {"allocation_id": "eipalloc-new", "public": "198.51.100.99"}
    foundation.exports["foundation"] = {
        **shown,
        "addresses": {**shown["addresses"], "10.21.8.12": new_address},
        "spools": {**shown["spools"], "ireland-0": "vol-new"},
    }
    again = run_part(grown, "fleet", foundation)
    for kind in (INSTANCE, ASSOCIATION):
        before, after = staging.fleet.of(kind), again.of(kind)
        assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("outputs", [None, {}, {"addresses": {}}, {"addresses": None}])
def test_a_foundation_that_lacks_something_is_named(outputs: dict[str, Any] | None) -> None:
    from infra.substrates.aws.upon import found  # noqa: PLC0415 - loads the SDK

    with pytest.raises(
        pulumi.RunError, match=r"stack dev-foundation has no addresses 10\.1\.1\.1 public yet"
    ):
        found("dev-foundation", outputs, ("addresses", "10.1.1.1", "public"))
    shown = {"addresses": {"10.1.1.1": {"public": "198.51.100.1"}}}
    assert found("dev-foundation", shown, ("addresses", "10.1.1.1", "public")) == "198.51.100.1"


def test_an_image_must_be_pinned() -> None:
    settings = StackSettings("dev", "fleet", images={"us-east-1": "ami-1"})
    assert settings.image("us-east-1") == "ami-1"
    with pytest.raises(StackSettingsError, match="no machine image is pinned for eu-west-1"):
        settings.image("eu-west-1")


def test_a_lab_never_loads_the_sdk_of_aws() -> None:
    code = (
        "import sys, asyncio; asyncio.set_event_loop(asyncio.new_event_loop())\n"
        "import infra.program, infra.substrates.local, infra.outputs, cli.main\n"
        "print([name for name in sys.modules if name.startswith('pulumi_aws')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
