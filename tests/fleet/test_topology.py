from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml

from fleet.ports import STORE_PORT, openings
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


def names_of_store(environment: Environment) -> list[str]:
    return [node.name for node in Fleet.of(environment).store_nodes]


def test_the_store_is_kept_in_each_region_and_by_the_witness_which_makes_them_odd(fleet: Fleet) -> None:
    environment = fleet.environment
    assert names_of_store(environment) == ["east-1", "west-1", "witness-1"]
    regions = environment.regions
    south = regions["east"].model_copy(update={"nodes": {"south-1": regions["east"].nodes["east-2"]}})
    three = environment.model_copy(update={"regions": {"west": regions["west"], **regions, "south": south}})
    assert names_of_store(three) == ["east-1", "south-1", "west-1"]


def test_store_nodes_can_be_named(fleet: Fleet) -> None:
    failover = fleet.environment.failover.model_copy(
        update={"store_nodes": ["west-2", "witness-1", "east-2"]}
    )
    named = fleet.environment.model_copy(update={"failover": failover})
    assert names_of_store(named) == ["west-2", "witness-1", "east-2"]


def test_only_store_nodes_open_its_ports_and_to_the_fleet_only(fleet: Fleet) -> None:
    opened = {
        node.name: [one.internal for one in openings(fleet, node) if STORE_PORT in one.ports]
        for node in fleet.nodes
    }
    assert {name: internal for name, internal in opened.items() if internal} == {
        "east-1": [True],
        "west-1": [True],
        "witness-1": [True],
    }
