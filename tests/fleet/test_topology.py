from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml

from fleet.spec.models import Environment
from fleet.topology import Fleet

LAB = Path(__file__).parents[2] / "environments" / "lab.yaml"


@pytest.fixture
def fleet() -> Fleet:
    return Fleet.of(Environment.model_validate(yaml.safe_load(LAB.read_text())))


def test_every_machine_is_found_by_name_with_its_role(fleet: Fleet) -> None:
    assert {node.name: node.role for node in fleet.nodes} == {
        "east-1": "mta",
        "east-2": "mta",
        "west-1": "mta",
        "west-2": "mta",
        "witness-1": "witness",
        "app-1": "application",
    }
    assert fleet.node("east-1").fqdn == "east-1.fleet.example"


def test_a_sending_address_has_one_name_that_tells_pool_and_node(fleet: Fleet) -> None:
    second = fleet.node("west-2").sending_of("transactional")[1]
    assert second.name == "transactional-2.west-2.fleet.example"
    assert not second.takes_submissions


def test_submissions_enter_on_the_first_address_of_the_pool(fleet: Fleet) -> None:
    assert fleet.node("east-2").entry_address("marketing") == IPv4Address("198.51.100.42")
    assert fleet.witness.entry_address("marketing") is None


def test_instances_never_share_a_port(fleet: Fleet) -> None:
    ports = [
        port
        for pool in fleet.pools
        for port in (pool.smtps_port, pool.submission_port, pool.probe_port, pool.hand_over_port)
    ]
    assert len(set(ports)) == len(ports)


def test_each_region_has_a_name_server_named_after_it(fleet: Fleet) -> None:
    assert [fleet.name_server_name(node) for node in fleet.name_servers] == [
        "ns-east.fleet.example",
        "ns-west.fleet.example",
    ]
