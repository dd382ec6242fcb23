"""What a node's API is given: its own certificate and key, hashes of tokens, nothing that opens another."""

import dataclasses
import json
import re
from ipaddress import ip_address

from cryptography import x509

from failover.api.settings import parse_settings
from fleet.api_tokens import ApiRole, token, token_hashes
from fleet.inventory import NodeModel
from tests.roles.conftest import Render
from tests.roles.edited import with_secrets

DIRECTORY = "/etc/mtafleet/failover"


def test_each_node_is_told_what_its_api_needs(render: Render, nodes: dict[str, NodeModel]) -> None:
    for node in nodes.values():
        tree = render("agent", node)
        settings = parse_settings(json.loads(tree.contents[f"{DIRECTORY}/api.json"]))
        assert (settings.node, settings.address) == (node.name, str(node.address))
        assert settings.nodes == {name: str(one.address) for name, one in nodes.items()}
        assert ip_address(settings.address).is_private or node.environment.substrate == "lab"
        certificate = x509.load_pem_x509_certificate(tree.contents[f"{DIRECTORY}/api.pem"])
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.IPAddress) == [node.address]


def test_the_key_is_the_apis_own_and_no_token_is_shipped(render: Render, east: NodeModel) -> None:
    assert east.secrets.api is not None
    secret = east.secrets.api.get_secret_value()
    tree = render("agent", east)
    modes = {one["path"]: (one.get("mode"), one.get("owner"), one.get("group")) for one in tree.entries}
    assert modes[f"{DIRECTORY}/api.key"] == ("0600", "mtafleet-api", "mtafleet-api")
    assert modes[f"{DIRECTORY}/api.json"] == ("0640", "root", "mtafleet-api")
    for name in ("heartbeat.key", "tsig.key", "store.key"):
        assert modes[f"{DIRECTORY}/{name}"] == ("0600", "mtafleet", "mtafleet")
    for content in (*tree.contents.values(), tree.index):
        assert secret.encode() not in content
        assert not any(token(secret, role).encode() in content for role in ApiRole)
    told = json.loads(tree.contents[f"{DIRECTORY}/api.json"])
    assert told["token_hashes"] == token_hashes(secret)


def test_a_stack_without_the_secret_serves_no_api(render: Render, east: NodeModel) -> None:
    tree = render("agent", with_secrets(east, api=None))
    assert [path for path in tree.contents if "/api." in path] == []
    unit = tree.contents["/etc/systemd/system/mtafleet-api.service"].decode()
    assert f"ConditionPathExists={DIRECTORY}/api.json" in unit


def test_only_the_fleet_and_its_operators_reach_it(render: Render, east: NodeModel) -> None:
    rules = render("base", east).contents["/etc/nftables.conf"].decode()
    found = [line.strip() for line in rules.splitlines() if "10443" in line]
    where = f"ip daddr {east.address} tcp dport 10443 accept"
    assert found == [f"ip saddr @fleet {where}", f"ip saddr @operators {where}"]
    environment = east.environment.model_copy(update={"lab": None})
    closed = dataclasses.replace(east, fleet=dataclasses.replace(east.fleet, environment=environment))
    rules = render("base", closed).contents["/etc/nftables.conf"].decode()
    assert re.findall(r"(ip saddr \S+).*10443", rules) == ["ip saddr @fleet"]


def test_the_api_may_write_orders_and_nothing_else(render: Render, east: NodeModel) -> None:
    tree = render("agent", east)
    unit = tree.contents["/etc/systemd/system/mtafleet-api.service"].decode()
    assert re.findall(r"^ReadWritePaths=(.*)$", unit, re.MULTILINE) == ["/var/lib/mtafleet/maintenance"]
    assert "User=mtafleet-api\n" in unit
    assert "ProtectSystem=strict\n" in unit
    (orders,) = [one for one in tree.entries if one["path"] == "/var/lib/mtafleet/maintenance"]
    assert (orders["mode"], orders["owner"], orders["group"]) == ("0775", "root", "mtafleet-api")
