"""Rendering a role's tree for a node, and packing it."""

import json
import zipfile
from pathlib import Path

import pytest

from fleet.inventory import InventoryError, NodeModel, Outputs, Secrets, node_models, read_outputs
from fleet.render import RenderError, TreeRenderer, write_bundle
from fleet.topology import Fleet


class Templates:
    def __init__(self, where: Path) -> None:
        self.where = where

    def write(self, path: str, text: str) -> "Templates":
        target = self.where / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return self

    def renderer(self) -> TreeRenderer:
        return TreeRenderer(self.where)


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    return Templates(tmp_path / "templates")


def test_a_template_lands_at_its_own_path_rendered_for_the_node(
    templates: Templates, nodes: dict[str, NodeModel]
) -> None:
    templates.write("web/etc/motd.j2", "{{ node.fqdn }} in {{ node.host.site }}\n").write(
        "web/etc/plain", "{{ as is }}"
    )
    tree = templates.renderer().render("web", nodes["east-1"])
    assert tree.contents == {"/etc/motd": b"east-1.fleet.example in east\n", "/etc/plain": b"{{ as is }}"}
    assert [(one["path"], one["mode"], one["owner"]) for one in tree.entries] == [
        ("/etc/motd", "0644", "root"),
        ("/etc/plain", "0644", "root"),
    ]


def test_what_a_python_has_compiled_beside_a_program_is_no_template(
    templates: Templates, nodes: dict[str, NodeModel]
) -> None:
    templates.write("web/usr/sbin/tool", "print()").write("web/usr/sbin/__pycache__/tool.pyc", "\xa7")
    assert set(templates.renderer().render("web", nodes["east-1"]).contents) == {"/usr/sbin/tool"}


def test_tree_yaml_repeats_renames_and_leaves_out(templates: Templates, nodes: dict[str, NodeModel]) -> None:
    templates.write("web/etc/pool.j2", "{{ pool.name }} {{ pool.entry_address }}").write(
        "web/tree.yaml",
        """
nodes: node.is_mta
files:
  etc/pool.j2: {mode: "0640", group: mail, each: node.instances, as: pool, to: "/etc/{{ pool.name }}",
                when: pool.name != "marketing"}
directories: [{path: "/var/lib/{{ node.name }}", mode: "0750"}]
links: [{path: /etc/now, target: "{{ node.instances[0].name }}"}]
absent: [{path: /etc/default}]
validate: [{run: [check, "/etc/{{ pool.name }}"], each: node.instances, as: pool}]
actions: [{paths: ["/etc/*"], run: [reload, it]}]
""",
    )
    renderer = templates.renderer()
    assert renderer.has_role("web", nodes["east-1"])
    assert not renderer.has_role("web", nodes["witness-1"])
    tree = renderer.render("web", nodes["east-2"])
    assert {path: text.decode() for path, text in tree.contents.items()} == {
        "/etc/transactional": "transactional 198.51.100.31",
        "/etc/notification": "notification 198.51.100.52",
    }
    assert [(one["kind"], one["path"]) for one in tree.entries] == [
        ("directory", "/var/lib/east-2"),
        ("file", "/etc/notification"),
        ("file", "/etc/transactional"),
        ("link", "/etc/now"),
        ("absent", "/etc/default"),
    ]
    assert tree.validate == (
        ["check", "/etc/transactional"],
        ["check", "/etc/marketing"],
        ["check", "/etc/notification"],
    )
    assert tree.actions == ({"paths": ["/etc/*"], "run": ["reload", "it"]},)


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("web/etc/a.j2", "{{ node.nmae }}", r"templates/web/etc/a\.j2: .*nmae"),
        ("web/etc/a.j2", "line\n{% if %}", r"templates/web/etc/a\.j2: line 2"),
        ("web/etc/a.j2", "{{ node.fleet.node('east-9') }}", r"templates/web/etc/a\.j2: 'east-9'"),
        ("web/etc/a.j2", "{{ node.secrets.tsig.secret }}", r"/etc/a holds a hidden secret"),
        ("web/tree.yaml", "files: {etc/missing: {}}", r"etc/missing: there is no such template"),
        ("web/tree.yaml", "validates: []", r"tree\.yaml: validates"),
        ("web/tree.yaml", "directories: [{path: /a, mode: '755'}]", r"tree\.yaml: directories\.0\.mode"),
        ("web/tree.yaml", "a: [", r"tree\.yaml: "),
        ("web/tree.yaml", "directories: [{path: /a}, {path: /a}]", r"/a is described twice"),
        ("web/tree.yaml", "directories: [{path: /a, when: node.nothing}]", r"tree\.yaml: node\.nothing"),
    ],
)
def test_a_mistake_in_a_template_names_the_place(
    templates: Templates, nodes: dict[str, NodeModel], path: str, text: str, message: str
) -> None:
    templates.write(path, text)
    with pytest.raises(RenderError, match=message):
        templates.renderer().render("web", nodes["east-1"])


def test_a_bundle_depends_on_its_trees_only_and_is_private(
    templates: Templates, nodes: dict[str, NodeModel], tmp_path: Path
) -> None:
    templates.write("web/etc/motd.j2", "{{ node.name }}")
    trees = [templates.renderer().render("web", nodes["east-1"])]
    sums = {write_bundle(tmp_path / name, trees, {"__main__.py": b"pass"}) for name in ("one", "two")}
    assert len(sums) == 1
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(tmp_path / "one") as archive:
        assert archive.namelist() == ["__main__.py", "web/files/etc/motd", "web/tree.json"]
        assert json.loads(archive.read("web/tree.json"))["entries"][0]["path"] == "/etc/motd"


def test_a_node_that_was_not_provisioned_is_named(fleet: Fleet, outputs: Outputs, secrets: Secrets) -> None:
    fewer = outputs.model_copy(update={"nodes": {"east-1": outputs.nodes["east-1"]}})
    with pytest.raises(
        InventoryError, match=r"east-2, west-1, west-2, witness-1, app-1; run `pulumi up --stack lab`"
    ):
        node_models(fleet, fewer, secrets)


def test_wrong_outputs_name_the_key_and_never_the_value() -> None:
    with pytest.raises(InventoryError, match=r"ssh_private_key") as caught:
        read_outputs(
            {"nodes": {}, "acme": {"directory": "https://acme.example/"}},
            {
                "tsig": {"name": "x", "algorithm": "y", "secret": "topsecret"},
                "store": "topsecret",
                "ssh_private_key": ["topsecret"],
            },
        )
    assert "topsecret" not in str(caught.value)
