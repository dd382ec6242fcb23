"""What the world sees of the fleet."""

import http.client
import socket
import ssl

import pytest

from fleet.dns.certificates import policy_domains
from fleet.dns.mtasts import policy_host, policy_text
from fleet.topology import FleetNode
from infra.sts_verify import PATH
from lab.api import netns
from lab.world.trust import trusted_pem
from tests.end_to_end.command import mtafleet
from tests.end_to_end.system import NAME, WORLD, System, await_that
from tests.end_to_end.watch import AnswerWatch


def test_what_is_published_is_what_was_meant(configured: System) -> None:
    done = mtafleet("dns", "verify", NAME, "--json")
    assert done.status == 0, done.text
    views = {view["view"]: view["checked"] for view in done.json()["views"]}
    assert len(views) > len(configured.fleet.name_servers) + 1
    published = [checked for view, checked in views.items() if view.startswith(("ns-", "from the root"))]
    assert all(published), views


def test_steered_names_name_every_node(configured: System, answers: AnswerWatch) -> None:
    fleet = configured.fleet
    wanted = {
        pool.submission_name: {str(node.entry_address(pool.pool)) for node in fleet.members(pool.pool)}
        for pool in fleet.pools
    }
    wanted[fleet.sts_name] = {str(node.address) for node in fleet.mta_nodes}
    everywhere = {(server.name, name): wanted[name] for server in fleet.name_servers for name in wanted}
    # a node that a busy computer kept waiting is out for a moment
    await_that(
        f"all servers answer with {wanted}",
        lambda: {pair: set(addresses) for pair, addresses in answers.latest().items()} == everywhere,
    )


@pytest.mark.parametrize("region", ["east", "west"])
def test_a_stranger_gets_the_policies_from_both_regions_over_verified_https(
    configured: System, region: str
) -> None:
    trusted = ssl.create_default_context(cadata=trusted_pem(configured.world))
    node = next(node for node in configured.fleet.mta_nodes if node.site == region)
    for domain, mode in policy_domains(configured.fleet).items():
        assert _policy(configured, node, policy_host(domain), trusted) == policy_text(configured.fleet, mode)


def _policy(system: System, node: FleetNode, host: str, trusted: ssl.SSLContext) -> str:
    connect = (str(node.address), 443)
    plain = netns.opened_in(system.network(WORLD), lambda: socket.create_connection(connect, 60.0))
    with plain, trusted.wrap_socket(plain, server_hostname=host) as secured:
        connection = http.client.HTTPConnection(host)
        connection.sock = secured
        connection.request("GET", PATH)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
