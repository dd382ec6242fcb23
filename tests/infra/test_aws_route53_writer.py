"""A fleet on AWS whose daemons write the steered names: rights to just that, and no health checks."""

import json
from collections.abc import Iterator

import pytest

from failover.config import parse_config
from failover.zone import EPOCH_LABEL as DAEMONS_LABEL
from fleet.aws.cost import checks_month
from fleet.aws.prices import price_table
from fleet.invariants import health_checks
from fleet.inventory import Outputs, Secrets, node_models
from fleet.paths import project_root
from fleet.render import TreeRenderer
from fleet.spec.models import Environment
from fleet.steering import steered_names
from fleet.topology import Fleet
from infra.substrates.aws.route53_writer import EPOCH_LABEL
from tests.infra.aws_run import Both, environment_called, run_both

POLICY = "aws:iam/rolePolicy:RolePolicy"
RECORD = "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"


def writing(environment: Environment) -> Environment:
    failover = environment.failover.model_copy(update={"route53_writer": True})
    return environment.model_copy(update={"failover": failover})


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    yield run_both(writing(environment_called("staging")))


def test_nothing_hangs_on_health_checks(both: Both) -> None:
    environment = both.environment
    assert environment.aws is not None
    assert both.fleet.of(CHECK) == {}
    steered = set(steered_names(Fleet.of(environment)))
    assert not steered & {one.inputs["name"] for one in both.fleet.of(RECORD).values()}
    assert (health_checks(environment), checks_month(environment, environment.aws, price_table())) == (0, 0.0)


def test_machines_may_change_the_steered_names_and_no_other(both: Both) -> None:
    policy = json.loads(both.fleet.of(POLICY)["route53"].inputs["policy"])
    operator = both.environment.operator
    zone = f"arn:aws:route53:::hostedzone/Z-{operator.domain}"
    by_action = {one["Action"]: one for one in policy["Statement"]}
    assert set(by_action) == {
        "route53:ListResourceRecordSets",
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
    }
    change = by_action["route53:ChangeResourceRecordSets"]
    assert change["Resource"] == by_action["route53:ListResourceRecordSets"]["Resource"] == zone
    only = change["Condition"]["ForAllValues:StringEquals"]
    names = {*steered_names(Fleet.of(both.environment)), f"_epoch.{operator.steered_zone}"}
    assert set(only["route53:ChangeResourceRecordSetsNormalizedRecordNames"]) == names
    assert only["route53:ChangeResourceRecordSetsActions"] == ["CREATE", "DELETE"]
    assert EPOCH_LABEL == DAEMONS_LABEL


def test_the_witness_has_a_role_without_that_right(both: Both) -> None:
    machines = both.fleet.of("aws:ec2/instance:Instance")
    profiles = {name: one.inputs["iamInstanceProfile"] for name, one in machines.items()}
    witness = Fleet.of(both.environment).witness.name
    assert profiles.pop(witness) == "mtafleet-staging-witness"
    assert set(profiles.values()) == {"mtafleet-staging-node"}
    assert both.fleet.of(POLICY)["route53"].inputs["role"] == "mtafleet-staging-node"


def test_without_it_machines_may_do_nothing_in_route53() -> None:
    fleet = run_both(environment_called("staging")).fleet
    assert "route53" not in fleet.of(POLICY)
    assert "steered_zone_id" not in fleet.exports["fleet"]
    assert not any("route53" in one.inputs["policy"] for one in fleet.of(POLICY).values())


def test_daemons_are_told_the_zone_and_public_addresses(both: Both) -> None:
    fleet = Fleet.of(both.environment)
    outputs = Outputs.model_validate(both.fleet.exports["fleet"])
    models = node_models(fleet, outputs, Secrets.model_validate(both.fleet.exports["secrets"]))
    renderer = TreeRenderer(project_root() / "templates")
    for node in models.values():
        tree = renderer.render("agent", node)
        told = json.loads(tree.contents["/etc/mtafleet/failover/config.json"])
        assert renderer.has_role("route53", node) == node.is_mta
        steering = parse_config(told).steering
        assert (steering is not None) == node.is_mta
        if steering is None:
            continue
        assert (steering.route53_zone_id, steering.primaries) == (
            f"Z-{fleet.environment.operator.domain}",
            (),
        )
        published = {address for record in steering.records for address in record.addresses.values()}
        assert published
        assert published <= {str(one) for one in outputs.public_addresses.values()}
    assert renderer.packages(["route53"]) == ["python3-boto3"]
