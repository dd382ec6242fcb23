"""Who may hand mail to the fleet, and by which doors; each claim at every node."""

import json
import signal
from ipaddress import IPv4Address

import pytest

from fleet.ports import API_PORT, DOMAIN, HTTPS, SMTP, SMTPS, SUBMISSION
from fleet.topology import INBOUND_PORT, INBOUND_PROBE_PORT, FleetNode
from tests.end_to_end.command import mtafleet, start
from tests.end_to_end.mail import Mail
from tests.end_to_end.smtp import PATIENCE_SECONDS, Login, dialogue, reachable
from tests.end_to_end.system import NAME, WORLD, System, at_once

STRANGER = "a.stranger@gmail.com"
NOT_ALLOWED = "5"  # every permanent refusal
SSH = 22
Door = tuple[IPv4Address, int]


def _relay_attempts(node: FleetNode) -> list[Door]:
    entries = [one.address for one in node.sending if one.takes_submissions]
    doors = [(address, port) for address in entries for port in (SMTPS, SUBMISSION)]
    return [*doors, (node.address, SMTPS), (node.address, SMTP)]


def _login(system: System, user: str) -> Login:
    return Login(user, system.outputs.secrets.users[user].get_secret_value())


def _entries(system: System, pool: str) -> list[IPv4Address]:
    return [found for node in system.fleet.members(pool) if (found := node.entry_address(pool))]


@pytest.mark.parametrize("client", [WORLD, "app-1"])
def test_nobody_relays_without_logging_in(configured: System, client: str) -> None:
    doors = [door for node in configured.fleet.mta_nodes for door in _relay_attempts(node)]
    network = configured.network(client)
    commands = ["MAIL FROM:<notices@shop.example>", f"RCPT TO:<{STRANGER}>", "DATA"]
    replies = at_once(lambda door: dialogue(network, *door, commands), doors)
    for door, said in zip(doors, replies, strict=True):
        assert said[1].startswith(NOT_ALLOWED), (door, said)
        assert said[2].startswith(NOT_ALLOWED), (door, said)


def test_probe_listeners_relay_nothing_for_a_node_either(configured: System) -> None:
    ports = [*(pool.probe_port for pool in configured.fleet.pools), INBOUND_PROBE_PORT]
    doors = [(node.address, port) for node in configured.fleet.mta_nodes for port in ports]
    network = configured.network("east-2")
    commands = ["MAIL FROM:<notices@shop.example>", f"RCPT TO:<{STRANGER}>", "DATA"]
    replies = at_once(lambda door: dialogue(network, *door, commands), doors)
    for door, said in zip(doors, replies, strict=True):
        assert said[1].startswith(NOT_ALLOWED), (door, said)
        assert said[2].startswith(NOT_ALLOWED), (door, said)


def test_the_internet_reaches_public_ports_only(configured: System) -> None:
    pools = configured.fleet.pools
    inner = [
        port
        for one in pools
        for port in (one.smtps_port, one.submission_port, one.probe_port, one.hand_over_port)
    ]
    inner += [INBOUND_PORT, INBOUND_PROBE_PORT, SSH, API_PORT]
    closed = [(node.address, port) for node in configured.fleet.nodes for port in inner]
    closed += [(one.address, port) for one in configured.fleet.sending_addresses for port in inner]
    opened = [door for node in configured.fleet.mta_nodes for door in _relay_attempts(node)]
    opened += [(node.address, HTTPS) for node in configured.fleet.mta_nodes]
    opened += [(configured.fleet.witness.address, HTTPS)]
    opened += [(node.address, DOMAIN) for node in configured.fleet.name_servers]
    network = configured.network(WORLD)
    found = at_once(lambda door: reachable(network, *door), closed)
    assert [door for door, open_ in zip(closed, found, strict=True) if open_] == []
    found = at_once(lambda door: reachable(network, *door, timeout_seconds=PATIENCE_SECONDS), opened)
    assert [door for door, open_ in zip(opened, found, strict=True) if not open_] == []


def test_an_operator_asks_a_nodes_api(configured: System) -> None:
    """Over TLS, by the certificate and the token that follow from the stack's secret."""
    node = configured.fleet.mta_nodes[0].name
    told = mtafleet("api", NAME, node, "/v1/status")
    assert told.status == 0, told.text
    assert told.json()["node"] == node
    assert set(told.json()["pools"]) >= {pool.pool for pool in configured.fleet.pools}
    metrics = mtafleet("api", NAME, configured.fleet.witness.name, "/metrics")
    assert "mtafleet_daemon_up 1.0" in metrics.output, metrics.text
    refused = mtafleet("api", NAME, node, "/v1/nothing")
    assert (refused.status, "404" in refused.output) == (1, True), refused.text


def test_an_operator_watches_and_looks_back(configured: System) -> None:
    nodes = {node.name for node in configured.fleet.nodes}
    watching = start("status", NAME, "--watch", "--json")
    try:
        assert watching.stdout is not None
        told = json.loads(watching.stdout.readline())
        assert (told["before"], set(told)) == (None, {"at", "what", "before", "after"})
    finally:
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=PATIENCE_SECONDS)
    assert watching.returncode == 0, errors
    found = mtafleet("history", NAME, "--for", "1d", "--limit", "1000", "--json")
    assert found.status == 0, found.errors
    entries = [json.loads(line) for line in found.output.splitlines()]
    assert {one["observer"] for one in entries if one["kind"] == "start"} == nodes


def test_a_user_is_known_to_its_own_pool_only(configured: System) -> None:
    users = configured.fleet.environment.users
    network = configured.network("app-1")
    attempts = [
        (pool.pool, user, address, port)
        for pool in configured.fleet.pools
        for user, one in users.items()
        if one.pool != pool.pool
        for address in _entries(configured, pool.pool)
        for port in (SMTPS, SUBMISSION)
    ]

    def knock(attempt: tuple[str, str, IPv4Address, int]) -> str:
        _, user, address, port = attempt
        return dialogue(network, address, port, [], login=_login(configured, user))[-1]

    replies = at_once(knock, attempts)
    assert attempts
    assert [one for one in zip(attempts, replies, strict=True) if not one[1].startswith("535")] == []


def test_a_user_sends_in_its_own_names_only(configured: System) -> None:
    network = configured.network("app-1")
    login = _login(configured, "shop-app")
    commands = ["MAIL FROM:<offers@news.example>", f"RCPT TO:<{STRANGER}>"]
    doors = [
        (address, port) for address in _entries(configured, "transactional") for port in (SMTPS, SUBMISSION)
    ]
    replies = at_once(lambda door: dialogue(network, *door, commands, login=login), doors)
    for door, said in zip(doors, replies, strict=True):
        assert said[-1].startswith("553"), (door, said)


def test_a_login_in_clear_is_refused(configured: System) -> None:
    network = configured.network("app-1")
    for pool in configured.fleet.pools:
        for address in _entries(configured, pool.pool):
            (said,) = dialogue(network, address, SUBMISSION, ["AUTH PLAIN AHUAcA=="], secure=False)
            assert said.startswith(NOT_ALLOWED), said
            assert not said.startswith("535"), "the password was looked at"


def test_bounces_and_people_are_heard_and_nobody_else(configured: System, mail: Mail) -> None:
    """The return path is one that a real message has just carried."""
    return_path = mail["transactional"].accepted[0].sender
    assert return_path.startswith("bounce+")
    domain = return_path.rpartition("@")[2]
    operator = configured.fleet.environment.operator.domain
    heard = [return_path, f"abuse@{operator}", f"postmaster@{operator}", f"abuse@{domain}"]
    unheard = [f"nobody@{operator}", f"nobody@{domain}", f"bounce@{domain}", f"bounce+1@{domain}"]
    network = configured.network(WORLD)
    commands = ["MAIL FROM:<>", *(f"RCPT TO:<{one}>" for one in (*heard, *unheard))]
    for node in configured.fleet.mta_nodes:
        _, *replies = dialogue(network, node.address, SMTP, commands)
        codes = [said[:3] for said in replies]
        assert codes == [*["250"] * len(heard), *["550"] * len(unheard)], (node.name, replies)
