"""The configuration of the shared store's servers."""

import re

from fleet.inventory import NodeModel
from fleet.paths import project_root
from fleet.render import TreeRenderer
from fleet.store import client_name
from tests.roles.conftest import Render

CONFIGURATION = "/etc/mtafleet/nats/server.conf"


def test_one_node_a_site_keeps_the_store(nodes: dict[str, NodeModel]) -> None:
    renderer = TreeRenderer(project_root() / "templates")
    keepers = [name for name, node in nodes.items() if renderer.has_role("nats", node)]
    assert keepers == ["east-1", "west-1", "witness-1"]


def test_a_server_knows_the_other_two_and_not_itself(render: Render, nodes: dict[str, NodeModel]) -> None:
    text = render("nats", nodes["witness-1"]).contents[CONFIGURATION].decode()
    routes = re.findall(r'"nats-route://([\d.]+):10622"', text)
    assert routes == ["198.51.100.11", "203.0.113.11"]
    assert 'server_tags: ["site:north"]' in text


def test_writers_of_dns_are_admitted_by_name_and_nobody_else(render: Render, east: NodeModel) -> None:
    text = render("nats", east).contents[CONFIGURATION].decode()
    users = re.findall(r'user: "([^"]+)"', text)
    assert users == [client_name(one) for one in east.fleet.mta_nodes]
    assert text.count("verify_and_map: true") == 1
    assert text.count("verify: true") == 1
    assert "no_auth_user" not in text


def test_every_write_reaches_the_disk(render: Render, east: NodeModel) -> None:
    assert "sync_interval: always" in render("nats", east).contents[CONFIGURATION].decode()


def test_keys_are_the_servers_alone_and_only_the_other_ones_authority_is_shown(
    render: Render, east: NodeModel
) -> None:
    tree = render("nats", east)
    modes = {one["path"]: (one.get("mode"), one.get("owner")) for one in tree.entries}
    private = [path for path, content in tree.contents.items() if b"PRIVATE KEY" in content]
    assert {path: modes[path] for path in private} == {"/etc/mtafleet/nats/server.key": ("0600", "nats")}
