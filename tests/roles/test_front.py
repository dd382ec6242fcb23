"""The front doors: where they listen, where sessions go, what survives a reload."""

import re
from ipaddress import ip_network

import pytest

from fleet.inventory import NodeModel
from tests.roles.conftest import Render
from tests.roles.parsed import haproxy_cfg

Sections = dict[str, list[str]]
CONFIGURATION = "/etc/haproxy/haproxy.cfg"


@pytest.fixture(scope="module")
def front(render: Render, east: NodeModel) -> Sections:
    return haproxy_cfg(render("front", east).contents[CONFIGURATION].decode())


@pytest.fixture(scope="module")
def sidecar(render: Render, nodes: dict[str, NodeModel]) -> Sections:
    return haproxy_cfg(render("sidecar", nodes["app-1"]).contents[CONFIGURATION].decode())


def binds(sections: Sections) -> dict[str, str]:
    """`ADDRESS:PORT` -> the back end its sessions go to by default."""
    found: dict[str, str] = {}
    for header, lines in sections.items():
        default = next((line.split()[1] for line in lines if line.startswith("default_backend")), "")
        if header.startswith("frontend"):
            found |= {line.split()[1]: default for line in lines if line.startswith("bind")}
    return found


def servers(lines: list[str]) -> dict[str, tuple[str, int]]:
    """Name -> (address and port, weight)."""
    found = [re.fullmatch(r"server (\S+) (\S+) weight (\d+)", line) for line in lines]
    return {one[1]: (one[2], int(one[3])) for one in found if one}


def test_it_listens_on_each_pools_first_address_and_on_the_main_one(front: Sections) -> None:
    assert binds(front) == {
        "198.51.100.21:465": "pool_transactional_smtps",
        "198.51.100.21:587": "pool_transactional_submission",
        "198.51.100.41:465": "pool_marketing_smtps",
        "198.51.100.41:587": "pool_marketing_submission",
        "198.51.100.51:465": "pool_notification_smtps",
        "198.51.100.51:587": "pool_notification_submission",
        "198.51.100.11:465": "pool_transactional_smtps",
        "198.51.100.11:25": "inbound",
        "198.51.100.11:443": "",
    }


@pytest.mark.parametrize(
    ("backend", "port"),
    [
        ("pool_transactional_smtps", 11465),
        ("pool_marketing_submission", 12587),
        ("pool_notification_smtps", 13465),
        ("inbound", 10025),
    ],
)
def test_every_node_serves_every_pool_the_own_one_first(front: Sections, backend: str, port: int) -> None:
    assert servers(front[f"backend {backend}"]) == {
        "east-1": (f"198.51.100.11:{port}", 256),
        "east-2": (f"198.51.100.12:{port}", 1),
        "west-1": (f"203.0.113.11:{port}", 1),
        "west-2": (f"203.0.113.12:{port}", 1),
    }


def test_the_sidecar_treats_all_nodes_alike(sidecar: Sections) -> None:
    backends = [header for header in sidecar if header.startswith("backend pool_")]
    assert len(backends) == 6
    for header in backends:
        found = servers(sidecar[header])
        assert set(found) == {"east-1", "east-2", "west-1", "west-2"}
        assert len({weight for _address, weight in found.values()}) == 1


def test_the_sidecar_listens_on_its_host_only(sidecar: Sections) -> None:
    found = binds(sidecar)
    assert {one for one in found if not one.startswith("127.0.0.1:")} == {"192.0.2.71:465", "192.0.2.71:587"}
    assert found["127.0.0.1:465"] == found["192.0.2.71:465"] == "pool_transactional_smtps"
    assert found["127.0.0.1:587"] == "pool_transactional_submission"
    assert found["127.0.0.1:12587"] == "pool_marketing_submission"
    assert found["127.0.0.1:13465"] == "pool_notification_smtps"


def test_the_name_in_tls_picks_the_pool(front: Sections, sidecar: Sections) -> None:
    for sections in (front, sidecar):
        assert [one for one in sections["frontend any_pool_smtps"] if one.startswith("use_backend")] == [
            f"use_backend pool_{name}_smtps if {{ req.ssl_sni -i {name}.submit.fleet.example }}"
            for name in ("transactional", "marketing", "notification")
        ]


def test_sessions_mark_dead_servers_and_move_on(front: Sections, sidecar: Sections) -> None:
    for sections in (front, sidecar):
        assert "option redispatch 1" in sections["defaults"]
        assert "timeout connect 200ms" in sections["defaults"]
        for header, lines in sections.items():
            if header.startswith("backend"):
                line = next(one for one in lines if one.startswith("default-server"))
                assert "observe layer4" in line
                assert "on-error mark-down" in line
                assert "send-proxy-v2" in line
                assert not {"backup", "track", "on-marked-down"} & set(line.split())


def test_states_survive_a_reload(front: Sections, render: Render, nodes: dict[str, NodeModel]) -> None:
    assert "load-server-state-from-file global" in front["defaults"]
    assert "server-state-file /run/haproxy/server-state" in front["global"]
    for role, name in (("front", "east-1"), ("sidecar", "app-1")):
        tree = render(role, nodes[name])
        unit = tree.contents["/etc/systemd/system/haproxy.service.d/mtafleet.conf"].decode()
        reload = [line for line in unit.splitlines() if line.startswith("ExecReload=")]
        assert [line.split("/")[-1].split()[0] for line in reload[1:]] == [
            "haproxy",
            "save-server-state",
            "kill",
        ]
        saver = "/usr/local/lib/mtafleet/save-server-state"
        assert b'STATE_FILE = Path("/run/haproxy/server-state")' in tree.contents[saver]
        assert next(one["mode"] for one in tree.entries if one["path"] == saver) == "0755"


def test_checks_go_as_far_as_the_signer_on_the_listeners_for_probes(front: Sections) -> None:
    ports = {}
    for header, lines in front.items():
        if header.startswith("backend"):
            assert [line.split(None, 2)[2] for line in lines if line.startswith("tcp-check send")] == [
                r'"EHLO east-1.fleet.example\r\n"',
                r'"MAIL FROM:<>\r\n"',
                r'"QUIT\r\n"',
            ]
            words = next(line for line in lines if line.startswith("default-server")).split()
            assert not {"check-send-proxy", "check-ssl"} & set(words)
            ports[header.removeprefix("backend ")] = int(words[words.index("port") + 1])
    assert ports == {
        "pool_transactional_smtps": 11025,
        "pool_transactional_submission": 11025,
        "pool_marketing_smtps": 12025,
        "pool_marketing_submission": 12025,
        "pool_notification_smtps": 13025,
        "pool_notification_submission": 13025,
        "inbound": 10026,
    }


def test_the_failover_daemon_may_give_orders(front: Sections) -> None:
    assert (
        "stats socket /run/haproxy/admin.sock mode 660 group mtafleet level admin expose-fd listeners"
        in front["global"]
    )


def test_policies_are_served_under_their_own_names(front: Sections, render: Render, east: NodeModel) -> None:
    contents = render("front", east).contents
    answers = [one for one in front["frontend policies"] if "status 200" in one]
    for host in ("mta-sts.bounce.shop.example", "mta-sts.bounce.news.example"):
        path = f"/etc/haproxy/policies/{host}.txt"
        assert contents[path].startswith(
            b"version: STSv1\r\nmode: testing\r\nmx: mx-east-1.fleet.example\r\n"
        )
        assert sum(f"file {path} if policy" in one and one.endswith(f"-i {host} }}") for one in answers) == 1
    assert front["frontend policies"][-1] == "http-request return status 404"


def test_roles_are_on_the_right_machines(nodes: dict[str, NodeModel]) -> None:
    from fleet.paths import project_root  # noqa: PLC0415
    from fleet.render import TreeRenderer  # noqa: PLC0415

    renderer = TreeRenderer(project_root() / "templates")
    mail = ("auth", "front", "inbound", "postfix", "signer")
    placed = {
        name: {role for role in (*mail, "sidecar", "observer") if renderer.has_role(role, node)}
        for name, node in nodes.items()
    }
    assert placed == {
        **{name: set(mail) for name in ("east-1", "east-2", "west-1", "west-2")},
        "witness-1": {"observer"},
        "app-1": {"sidecar"},
    }


def test_views_of_every_other_node_are_told_to_checkers(
    front: Sections, render: Render, east: NodeModel
) -> None:
    lines = front["frontend policies"]
    assert [line.split()[-1] for line in lines if line.startswith("acl viewed")] == [
        "/steering/east-2",
        "/steering/west-1",
        "/steering/west-2",
    ]
    told = [line for line in lines if "txn.view" in line]
    assert told[0].endswith("if viewed reading asker")
    assert "map(opt@/var/lib/mtafleet/failover/views.map,unknown)" in told[0]
    file = next(line.split()[-1] for line in lines if line.startswith("acl asker"))
    networks = render("front", east).contents[file].decode().split()
    assert networks == sorted(networks, key=ip_network)
    assert set(networks) == {
        *(f"{node.address}/32" for node in east.fleet.mta_nodes),
        "192.0.2.11/32",
        "192.0.2.128/26",
    }


def test_the_witness_tells_of_every_node_and_serves_nothing_else(
    render: Render, nodes: dict[str, NodeModel]
) -> None:
    sections = haproxy_cfg(render("observer", nodes["witness-1"]).contents[CONFIGURATION].decode())
    assert binds(sections) == {"192.0.2.11:443": ""}
    lines = sections["frontend views"]
    assert sum(line.startswith("acl viewed") for line in lines) == 4
    assert lines[-1] == "http-request return status 404"
    assert not [header for header in sections if header.startswith("backend")]
