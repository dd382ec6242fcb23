"""The daemon's configuration file: what is read, and how each mistake is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover.config import load_config, load_secret, load_tsig_key, parse_config
from failover.errors import ConfigError
from failover.limits import Safety
from failover.shape import groups_of
from fleet.spec.load import load_environment
from fleet.steering import daemon_config
from fleet.topology import Fleet
from tests.failover.fleet_of_two import configuration

Break = Callable[[dict[str, Any]], Any]


def test_a_valid_file_is_read_with_its_units_in_seconds(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(configuration()))
    config = load_config(file)
    assert config.timing.probe_timeout_seconds == 0.2
    assert config.steering is not None
    assert config.steering.lease_term_seconds == 3.0
    assert config.peers[1].probes == {"orders": 11025}


def test_who_tells_views_watches_entries_though_it_steers_nothing() -> None:
    settings = {"socket": "/run/admin.sock", "map_file": "/var/views.map", "nodes": ["west-1"]}
    for views, kinds in ((None, {"relay"}), (settings, {"relay", "entry"})):
        config = parse_config(configuration(haproxy=None, dns=None, views=views))
        assert {group.key.kind for group in groups_of(config)} == kinds


def test_an_observer_steers_neither_haproxy_nor_dns() -> None:
    config = parse_config(configuration(haproxy=None, dns=None, store=None))
    assert config.haproxy is None
    assert config.steering is None


def test_without_the_newer_parts_nothing_is_held_back_or_remembered() -> None:
    config = parse_config(configuration(safety=None, state_file=None))
    assert (config.safety, config.state_file) == (Safety(), None)


MISTAKES: list[tuple[Break, str]] = [
    (lambda c: c.pop("node"), "node: this key is missing"),
    (lambda c: c.update(node="north-9"), "node: 'north-9' is not among peers (east-1, west-1)"),
    (lambda c: c.update(colour=1), "colour: no such key is known here"),
    (lambda c: c.update(peers={}), "peers: expected a list, found an object"),
    (
        lambda c: c["peers"][1].update(address="west"),
        "peers[1].address: expected an IPv4 address, found 'west'",
    ),
    (lambda c: c["peers"][1].update(role="boss"), "peers[1].role: expected one of mta, witness, application"),
    (lambda c: c["peers"][0].update(probes={"orders": 0}), "peers[0].probes.orders: expected a whole number"),
    (lambda c: c["peers"][0].update(probes={"x": 25}), "peers[0].probes: 'x' is not among pools (orders)"),
    (lambda c: c["peers"][1].update(name="east-1"), "peers: two peers have the same name"),
    (
        lambda c: c["policy"].update(fall=True),
        "policy.fall: expected a whole number from 1 to 100, found True",
    ),
    (
        lambda c: c["policy"].update(probe_timeout_milliseconds=5),
        "policy.probe_timeout_milliseconds: expected 20 to 10000 milliseconds, found 5",
    ),
    (lambda c: c.update(status_socket="run/x"), "status_socket: expected an absolute path, found 'run/x'"),
    (lambda c: c["dns"].update(writers=["nobody"]), "dns.writers: 'nobody' is not among peers"),
    (lambda c: c["dns"]["records"][0].update(addresses={}), "dns.records[0].addresses: a steered name needs"),
    (lambda c: c["dns"]["records"][0].update(pool="x"), "dns.records[0].pool: 'x' is not among pools"),
    (lambda c: c["pools"]["orders"].update(entries={"x": "127.0.0.1"}), "pools.orders.entries: 'x' is not"),
    (lambda c: c["pools"]["orders"].update(backends=[3]), "pools.orders.backends: expected a list of texts"),
    (lambda c: c.update(store=None), "store: needed with dns"),
    (lambda c: c["store"].update(servers=[]), "store.servers: a store needs at least one server"),
    (lambda c: c["store"].update(replicas=0), "store.replicas: expected a whole number from 1 to 5"),
    (lambda c: c["safety"].update(eject_regions=1), "safety.eject_regions: expected true or false"),
    (
        lambda c: c["safety"]["slow_return"].update(weights_percent=[50, 10]),
        "safety.slow_return.weights_percent: expected each share to be larger",
    ),
    (
        lambda c: c["safety"]["capacity"].update(x=c["safety"]["capacity"]["orders"]),
        "safety.capacity: 'x' is not among pools",
    ),
    (lambda c: c["safety"]["hold_down"].pop("budget"), "safety.hold_down.budget: this key is missing"),
    (lambda c: c["dns"].update(zone=""), "dns.zone: expected a text that is not empty"),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_each_mistake_names_its_key(make: Break, message: str, tmp_path: Path) -> None:
    value = configuration()
    make(value)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(value))
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}: {message}")


def test_a_file_that_is_not_json_or_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    with pytest.raises(ConfigError, match=r"config\.json: cannot be read"):
        load_config(file)
    file.write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json: is not JSON"):
        load_config(file)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(configuration())), json_values)
def test_no_value_leads_to_anything_but_a_config_error(key: str, value: object) -> None:
    try:
        parse_config(configuration() | {key: value})
    except ConfigError:
        return


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat.key"
    file.write_text("too short\n")
    with pytest.raises(ConfigError, match="9 characters, at least 32"):
        load_secret(file)
    file.write_text("x" * 40 + "\n")
    assert load_secret(file) == b"x" * 40


@pytest.mark.parametrize("text", ["", "mtafleet:c2VjcmV0", "hmac-sha256:mtafleet:not base64", "a:b:c:d"])
def test_a_tsig_key_has_three_parts(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tsig.key"
    file.write_text(text)
    with pytest.raises(ConfigError, match="hmac-sha256:NAME:BASE64"):
        load_tsig_key(file)


def test_where_a_dns_host_steers_entries_are_judged_and_no_zone_is_written() -> None:
    config = parse_config(
        json.loads(json.dumps(daemon_config(Fleet.of(load_environment("dev")), "ireland-1")))
    )
    assert config.steering is not None
    assert config.steering.primaries == ()
    assert {group.key.kind for group in groups_of(config)} == {"relay", "entry"}


@pytest.mark.parametrize("name", ["east-1", "west-2", "witness-1", "app-1"])
def test_what_is_rendered_for_each_node_of_the_lab_is_valid(name: str) -> None:
    fleet = Fleet.of(load_environment("lab"))
    config = parse_config(json.loads(json.dumps(daemon_config(fleet, name))))
    assert (config.steering is not None) == (fleet.node(name).role == "mta")
    assert (config.haproxy is not None) == (fleet.node(name).role != "witness")
    assert (config.views is not None) == (fleet.node(name).role != "application")
    assert config.views is None or name not in config.views.nodes
    assert {peer.name for peer in config.peers} == {node.name for node in fleet.nodes}
    assert set(config.pools) == {"transactional", "marketing", "notification", "inbound"}
