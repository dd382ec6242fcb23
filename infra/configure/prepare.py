"""Everything Ansible needs for a run, laid out in the private directory."""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.aws import queues
from fleet.inventory import NodeModel, NodeOutput
from fleet.render import Hook, TreeRenderer, write_bundle
from infra.configure.private import write_private
from infra.ssh_way import SshWay, connect_timeout_seconds

SHARED_ROLE = "software"
TOOL = Path("roles/base/files/mtafleet_tree.py")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a run are, all below the private directory."""

    directory: Path
    inventory: Path
    way: SshWay
    """How ssh reaches the nodes; connections are shared by all of the run's calls."""


def prepare(
    directory: Path, project: Path, models: Mapping[str, NodeModel], hooks: Mapping[str, Hook]
) -> Layout:
    """Render every node's bundle; write inventory, key and known hosts. RenderError names a bad template."""
    secrets = next(iter(models.values())).secrets
    bundles = directory / "bundles"
    bundles.mkdir(mode=0o700)
    groups = write_bundles(bundles, project, models, hooks)
    nodes = [model.outputs.nodes[name] for name, model in models.items()]
    way = SshWay.lay_out(directory, secrets, nodes)
    inventory = write_private(
        directory / "hosts.json", json.dumps(_inventory(models, groups, bundles, way), sort_keys=True)
    )
    return Layout(directory, inventory, way)


def write_bundles(
    bundles: Path, project: Path, models: Mapping[str, NodeModel], hooks: Mapping[str, Hook]
) -> dict[str, list[str]]:
    """One bundle per node as `NODE.pyz`; returns the nodes of each role.

    What is large and the same on all nodes goes into one bundle, `software.pyz`, of its own.
    """
    renderer = TreeRenderer(project / "templates", hooks)
    tool = tool_members(project)
    groups: dict[str, list[str]] = {role: [] for role in renderer.roles() if role != SHARED_ROLE}
    shared = renderer.render(SHARED_ROLE, next(iter(models.values())))
    write_bundle(bundles / f"{SHARED_ROLE}.pyz", [shared], tool)
    for name, model in models.items():
        roles = [role for role in groups if renderer.has_role(role, model)]
        needs = {
            "packages.json": json.dumps(renderer.packages(roles)).encode(),
            "accounts.json": json.dumps(renderer.accounts(roles)).encode(),
            "mounts.json": json.dumps(_mounts(model)).encode(),
        }
        write_bundle(bundles / f"{name}.pyz", [renderer.render(role, model) for role in roles], tool | needs)
        for role in roles:
            groups[role].append(name)
    return groups


def tool_members(project: Path) -> dict[str, bytes]:
    """The node's tool as members of a bundle: the program, and the modules that it imports from beside it."""
    parts = sorted((project / TOOL.parent).glob("mtafleet_*.py"))
    found = {part.name: part.read_bytes() for part in parts}
    return {"__main__.py": found.pop(TOOL.name), **found}


def _mounts(model: NodeModel) -> list[dict[str, str]]:
    """What has to be mounted before the node is configured, as `mtafleet_mounts.py` reads it."""
    if model.queue_volume is None:
        return []
    volume = queues.device(model.queue_volume)
    return [{"path": queues.MOUNT_POINT, "device": volume, "unit": queues.MOUNT_UNIT}]


def _inventory(
    models: Mapping[str, NodeModel], groups: Mapping[str, list[str]], bundles: Path, way: SshWay
) -> dict[str, Any]:
    hosts = {
        name: {**_host(model.outputs.nodes[name], bundles / f"{name}.pyz", way), **_facts(model)}
        for name, model in models.items()
    }
    children: dict[str, Any] = {
        f"role_{role}": {"hosts": {name: {} for name in names}} for role, names in groups.items()
    }
    return {
        "all": {
            "hosts": hosts,
            "vars": {
                "agent_software_source": os.fspath(bundles / f"{SHARED_ROLE}.pyz"),
                "ansible_python_interpreter": "/usr/bin/python3",
            },
            "children": children,
        }
    }


def _host(node: NodeOutput, bundle: Path, way: SshWay) -> dict[str, Any]:
    host = {
        "ansible_host": node.ssh_host,
        "ansible_port": node.ssh_port,
        "ansible_user": node.ssh_user,
        "ansible_ssh_common_args": shlex.join(way.options(node, shared=True)),
        "base_bundle_source": os.fspath(bundle),
    }
    if node.session is not None:
        host["ansible_ssh_timeout"] = connect_timeout_seconds(node)
    return host


def _facts(model: NodeModel) -> dict[str, Any]:
    """What roles need to know beside their trees."""
    return {"postfix_instances": [one.name for one in model.instances]} if model.instances else {}
