"""`mtafleet configure staging --check` without a machine: every node's files from the stack's outputs."""

import json
import re
import socket
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli.configure
import cli.rendering
import infra.sessions.plugin
from cli.main import cli as mtafleet
from fleet.errors import MtafleetError
from fleet.inventory import InventoryError, NodeModel, NodeOutput, node_models
from fleet.paths import project_root
from fleet.render import RenderError, TreeRenderer
from fleet.topology import Fleet
from infra.configure.errors import ConfigureError
from infra.configure.reach import reachable
from infra.configure.rendering import render_nodes, write_nodes
from infra.configure.syntax import syntax_problem
from infra.outputs import StackOutputs, parse_outputs
from tests.configure.conftest import private_key
from tests.infra.aws_run import Both, environment_called, run_both

PASSWORD = "correct-horse-battery-staple"
TSIG = "dHNpZy1zZWNyZXQtZm9yLXRlc3Rz"


@pytest.fixture(scope="module")
def staging() -> Both:
    return run_both(environment_called("staging"))


@pytest.fixture(scope="module")
def outputs(staging: Both) -> StackOutputs:
    """What the program exports, with keys and passwords that are some."""
    document = json.loads(json.dumps(staging.fleet.exports))
    secrets = document["secrets"]
    for selectors in secrets["dkim"].values():
        selectors.update({selector: private_key() for selector in selectors})
    secrets["users"] = dict.fromkeys(secrets["users"], PASSWORD)
    secrets["tsig"]["secret"] = TSIG
    return parse_outputs("staging", json.dumps(document))


@pytest.fixture(scope="module")
def models(staging: Both, outputs: StackOutputs) -> dict[str, NodeModel]:
    return node_models(Fleet.of(staging.environment), outputs.fleet, outputs.secrets)


@pytest.fixture
def run(outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, given these outputs; it fails when it goes to a machine."""

    def read(environment: str, *, substrate: str) -> StackOutputs:
        assert (environment, substrate) == ("staging", "aws")
        return outputs

    def no_machine(*_: object, **__: object) -> None:
        pytest.fail("it went to the machines")

    monkeypatch.setattr(cli.configure, "read_outputs", read)
    monkeypatch.setattr(cli.configure, "_work", no_machine)
    return lambda *arguments: CliRunner().invoke(
        mtafleet, ["configure", "staging", *arguments], catch_exceptions=False
    )


def test_every_role_of_every_node_is_rendered(models: dict[str, NodeModel]) -> None:
    rendered = render_nodes(project_root(), models)
    assert set(rendered) == {"virginia-1", "virginia-2", "ireland-1", "ireland-2", "witness-1"}
    roles = {name: {one.role for one in files} for name, files in rendered.items()}
    everywhere = {"base", "agent", "resolver"}
    mail = everywhere | {"auth", "front", "inbound", "postfix", "router", "signer", "tls"}
    assert roles["virginia-1"] == mail | {"dns", "nats"}
    assert roles["ireland-2"] == mail
    assert roles["witness-1"] == everywhere | {"nats", "observer"}
    resolver = {one.path: one.content for one in rendered["virginia-1"] if one.role == "resolver"}
    assert b'trust-anchor-file: "/usr/share/dns/root.key"' in resolver["/etc/unbound/unbound.conf"]
    assert "dns-root-data" in TreeRenderer(project_root() / "templates").packages(["resolver"])
    for files in rendered.values():
        assert all(
            one.size_bytes == len(one.content) and re.fullmatch("[0-9a-f]{64}", one.sha256) for one in files
        )


def test_a_mail_server_needs_its_queue_volume(models: dict[str, NodeModel], outputs: StackOutputs) -> None:
    assert models["virginia-1"].queue_volume
    assert models["witness-1"].queue_volume is None
    path = "/etc/systemd/system/postfix@.service.d/mtafleet-volume.conf"
    found = {
        name: [one.path for one in files] for name, files in render_nodes(project_root(), models).items()
    }
    assert [name for name, paths in found.items() if path in paths] == [
        name for name, model in models.items() if model.is_mta
    ]
    old = outputs.fleet.nodes["virginia-1"].model_copy(update={"queue_volume": None})
    before = outputs.fleet.model_copy(update={"nodes": {**outputs.fleet.nodes, "virginia-1": old}})
    with pytest.raises(InventoryError, match="do not name the queue volume of virginia-1: run `mtafleet up`"):
        node_models(models["virginia-1"].fleet, before, outputs.secrets)


def test_a_mail_server_brings_up_what_it_sends_from(models: dict[str, NodeModel]) -> None:
    tree = TreeRenderer(project_root() / "templates").render("base", models["virginia-1"])
    assert json.loads(tree.contents["/etc/mtafleet/addresses.json"]) == {
        "own": "10.20.0.11",
        "network": "10.20.0.0/20",
        "sending": ["10.20.0.21", "10.20.0.22", "10.20.0.41", "10.20.0.51"],
    }
    links = {one["path"]: one["target"] for one in tree.entries if one["kind"] == "link"}
    for kind, target in (("service", "multi-user"), ("timer", "timers")):
        unit = f"/etc/systemd/system/mtafleet-addresses.{kind}"
        assert unit in tree.contents
        assert links[f"/etc/systemd/system/{target}.target.wants/mtafleet-addresses.{kind}"] == unit
    run = ["python3", "-I", "/usr/local/sbin/mtafleet-addresses"]
    assert [*run, "--check"] in tree.validate
    (action,) = [one for one in tree.actions if one["run"] == run]
    assert "/etc/mtafleet/addresses.json" in action["paths"]
    witness = TreeRenderer(project_root() / "templates").render("base", models["witness-1"])
    assert not [path for path in witness.contents if "addresses" in path]


def test_name_servers_on_aws_answer_nothing_but_certificate_challenges(models: dict[str, NodeModel]) -> None:
    rendered = render_nodes(project_root(), models, ("virginia-1",))["virginia-1"]
    files = {one.path: one.content.decode() for one in rendered if one.role == "dns"}
    zones = [path for path in files if path.endswith(".zone")]
    assert zones == ["/var/lib/knot/dynamic/acme.staging-fleet.example.zone"]
    assert not re.search(r"\b10\.2\d\.", files[zones[0]]), "no private address is told to the world"
    knot = files["/etc/knot/knot.conf"]
    assert re.findall(r"- domain: (.*)", knot) == ["acme.staging-fleet.example"]
    assert "steered" not in knot
    assert not [path for path in files if "steered" in path or path.endswith("knot.service.d/mtafleet.conf")]


def test_postfix_knows_its_elastic_ips_as_its_own(models: dict[str, NodeModel]) -> None:
    files = {one.path: one.content.decode() for one in render_nodes(project_root(), models)["virginia-1"]}
    line = re.search(r"^proxy_interfaces = (.*)$", files["/etc/postfix-transactional/main.cf"], re.MULTILINE)
    assert line
    private = ["10.20.0.21", "10.20.0.22"]
    found = models["virginia-1"].outputs.addresses
    public = [str(one.public) for one in found.values() if str(one.private) in private]
    assert sorted(line[1].split()) == sorted([*private, *public])


def test_the_command_lists_every_file_and_says_that_nothing_was_compared(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra.sessions.plugin, "PLUGIN", "no-such-plugin")
    done = run("--check")
    assert done.exit_code == 0
    assert "/etc/postfix-marketing/main.cf" in done.output
    assert re.search(
        r"^5 nodes rendered: \d+ files, \d+ bytes\. Not compared with machines: ", done.output, re.MULTILINE
    )
    assert "`no-such-plugin` is not on PATH" in done.output
    for secret in (PASSWORD, TSIG, "BEGIN PRIVATE KEY"):
        assert secret not in done.output


def test_machines_can_read_the_list(run: Callable[..., Result]) -> None:
    done = json.loads(run("--check", "--offline", "--json", "--limit", "ireland-1").output)
    assert (done["ok"], done["compared"], done["reason"]) == (True, False, "--offline")
    (files,) = (node["files"] for node in done["nodes"].values())
    (dovecot,) = (one for one in files if one["path"] == "/etc/mtafleet/auth/marketing.users")
    assert (dovecot["mode"], dovecot["owner"], dovecot["group"]) == ("0640", "root", "dovecot")
    assert all("content" not in one for one in files)


def test_files_are_written_for_their_owner_alone(
    run: Callable[..., Result], models: dict[str, NodeModel], tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "rendered"
    done = run("--check", "--offline", "--output", str(folder))
    assert f"written to {folder}" in done.output
    expected = {
        folder / node / one.path.lstrip("/"): one.content
        for node, files in render_nodes(project_root(), models).items()
        for one in files
    }
    found = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == expected
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*")) if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}


def test_a_directory_that_holds_something_is_refused(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigureError, match="is not empty"):
        run("--check", "--offline", "--output", str(tmp_path))
    with pytest.raises(ConfigureError, match="is no directory"):
        run("--check", "--offline", "--output", str(tmp_path / "mine"))
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_an_empty_directory_is_taken_over_and_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write_nodes(tmp_path, {})
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.mark.parametrize("option", [["--offline"], ["--output", "somewhere"]])
def test_what_only_a_check_can_do_is_refused_without_one(
    run: Callable[..., Result], option: list[str]
) -> None:
    done = run(*option)
    assert done.exit_code == 2
    assert "go with --check" in done.output


def test_an_unknown_node_is_named(run: Callable[..., Result]) -> None:
    with pytest.raises(ConfigureError, match="no node is called tokyo-1; there are ireland-1"):
        run("--check", "--offline", "--limit", "tokyo-1")


def copied(folder: Path, **changed: str) -> Path:
    """A project of the real templates' links, with some written anew."""
    (folder / "templates").mkdir()
    for role in (project_root() / "templates").iterdir():
        (folder / "templates" / role.name).symlink_to(role)
    for path, text in changed.items():
        target = folder / "templates" / path
        target.parent.mkdir(parents=True)
        target.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("path", "text", "error", "said"),
    [
        ("web/etc/a.j2", "{{ node.nmae }}", RenderError, r"templates/web/etc/a\.j2: .*nmae"),
        ("web/etc/a.json.j2", "{", ConfigureError, r"ireland-1: /etc/a\.json, of templates/web: not JSON"),
        ("web/etc/hostname", "x", ConfigureError, r"/etc/hostname is shipped by two roles, base and web"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    models: dict[str, NodeModel], tmp_path: Path, path: str, text: str, error: type[MtafleetError], said: str
) -> None:
    with pytest.raises(error, match=said):
        render_nodes(copied(tmp_path, **{path: text}), models)


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("/a.json", b'{"a":\n}', "not JSON in line 2"),
        ("/a.json", b'{"a": 1}', ""),
        ("/a", b"#!/usr/bin/python3 -I\nif:\n", "not Python in line 2"),
        ("/a", b"#!/usr/bin/python3\nprint()\n", ""),
        ("/a", b"#!/bin/sh\nif true; then\n", "not a shell script"),
        ("/a", b"#!/bin/sh\ntrue\n", ""),
        ("/a", b"{", ""),
    ],
)
def test_syntax_is_judged_where_that_needs_nothing(path: str, content: bytes, said: str) -> None:
    found = syntax_problem(path, content)
    assert found.startswith(said) if said else not found


def test_one_node_that_answers_is_enough(outputs: StackOutputs) -> None:
    def at(port: int) -> NodeOutput:
        node = outputs.fleet.nodes["witness-1"]
        return node.model_copy(update={"ssh_host": "127.0.0.1", "ssh_port": port})

    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and nobody else can listen there
        open_port, closed_port = server.getsockname()[1], deaf.getsockname()[1]
        assert reachable([at(closed_port), at(open_port)])
        assert not reachable([at(closed_port)])


@pytest.mark.parametrize(("answers", "compared"), [(True, True), (False, False)])
def test_machines_are_compared_with_where_they_can_be_reached(
    run: Callable[..., Result],
    outputs: StackOutputs,
    monkeypatch: pytest.MonkeyPatch,
    answers: bool,
    compared: bool,
) -> None:
    went: list[Any] = []
    nodes = {name: node.model_copy(update={"session": None}) for name, node in outputs.fleet.nodes.items()}
    direct = outputs.fleet.model_copy(update={"access": {"kind": "direct"}, "nodes": nodes})
    monkeypatch.setattr(cli.configure, "read_outputs", lambda *_, **__: replace(outputs, fleet=direct))
    monkeypatch.setattr(cli.configure, "_work", lambda *_, **__: went.append("machines"))
    monkeypatch.setattr(cli.rendering, "reachable", lambda _nodes: answers)
    done = run("--check")
    assert went == (["machines"] if compared else [])
    assert ("no node answers on its SSH port" in done.output) is not compared
