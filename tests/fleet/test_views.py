"""Who tells health checkers of whom, and who may ask."""

from ipaddress import IPv4Network

import pytest

from fleet.aws.checkers import known_checkers
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from fleet.views import askers, has_views, view_settings, viewed_by


@pytest.fixture(scope="module")
def staging() -> Fleet:
    return Fleet.of(load_environment("staging"))


def test_everybody_tells_of_every_other_node(staging: Fleet) -> None:
    assert viewed_by(staging, "virginia-1") == ("ireland-1", "ireland-2", "virginia-2")
    assert viewed_by(staging, "witness-1") == ("ireland-1", "ireland-2", "virginia-1", "virginia-2")


def test_the_application_host_tells_nothing() -> None:
    fleet = Fleet.of(load_environment("lab"))
    assert [node.name for node in fleet.nodes if not has_views(node)] == ["app-1"]
    assert view_settings(fleet, fleet.node("app-1"), "/socket") is None


def test_route_53_the_observers_and_the_operators_may_ask(staging: Fleet) -> None:
    observers = {IPv4Network(node.address) for node in staging.nodes}
    assert set(askers(staging)) == observers | set(known_checkers().networks)
    assert IPv4Network("15.177.0.0/18") in askers(staging)


def test_the_environment_may_name_other_checkers(staging: Fleet) -> None:
    aws = staging.environment.aws
    assert aws is not None
    own = IPv4Network("15.177.64.0/18")
    checks = aws.checks.model_copy(update={"checkers": [own]})
    operators = [IPv4Network("192.0.2.0/24")]
    changed = aws.model_copy(update={"checks": checks, "operator_networks": operators})
    fleet = Fleet.of(staging.environment.model_copy(update={"aws": changed}))
    assert {own, *operators} <= set(askers(fleet))
    assert not set(known_checkers().networks) & set(askers(fleet))


def test_the_list_of_checkers_is_dated_and_in_order() -> None:
    found = known_checkers()
    assert found.networks == sorted(set(found.networks))
    assert all(network.is_global and network.prefixlen >= 18 for network in found.networks)
    assert any("ip-ranges.json" in source for source in found.sources)


def test_a_lab_lets_its_operator_ask() -> None:
    fleet = Fleet.of(load_environment("lab"))
    assert fleet.environment.lab is not None
    assert fleet.environment.lab.operator_network in askers(fleet)
    assert not any(fleet.node("app-1").address in network for network in askers(fleet))
