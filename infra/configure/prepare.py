"""Everything Ansible needs for a run, laid out in the private directory."""

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.inventory import NodeModel, NodeOutput, Secrets
from fleet.render import Hook, TreeRenderer, write_bundle
from infra.configure.private import write_private
from infra.known_hosts import known_host

SHARED_ROLE = "software"
TOOL = Path("roles/base/files/mtafleet_tree.py")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a run are, all below the private directory."""

    directory: Path
    inventory: Path
    ssh_common: tuple[str, ...]
    """Options for every ssh call of this run: key, known hosts, shared connections."""


def prepare(
    directory: Path, project: Path, models: Mapping[str, NodeModel], hooks: Mapping[str, Hook]
) -> Layout:
    """Render every node's bundle; write inventory, key and known hosts. RenderError names a bad template."""
    secrets = next(iter(models.values())).secrets
    bundles = directory / "bundles"
    bundles.mkdir(mode=0o700)
    groups = write_bundles(bundles, project, models, hooks)
    common = _ssh_options(directory, models, secrets)
    inventory = write_private(
        directory / "hosts.json", json.dumps(_inventory(models, groups, bundles, common), sort_keys=True)
    )
    return Layout(directory, inventory, tuple(common))


def write_bundles(
    bundles: Path, project: Path, models: Mapping[str, NodeModel], hooks: Mapping[str, Hook]
) -> dict[str, list[str]]:
    """One bundle per node as `NODE.pyz`; returns the nodes of each role.

    What is large and the same on all nodes goes into one bundle, `software.pyz`, of its own.
    """
    renderer = TreeRenderer(project / "templates", hooks)
    tool = {"__main__.py": (project / TOOL).read_bytes()}
    groups: dict[str, list[str]] = {role: [] for role in renderer.roles() if role != SHARED_ROLE}
    shared = renderer.render(SHARED_ROLE, next(iter(models.values())))
    write_bundle(bundles / f"{SHARED_ROLE}.pyz", [shared], tool)
    for name, model in models.items():
        roles = [role for role in groups if renderer.has_role(role, model)]
        write_bundle(bundles / f"{name}.pyz", [renderer.render(role, model) for role in roles], tool)
        for role in roles:
            groups[role].append(name)
    return groups


def _ssh_options(directory: Path, models: Mapping[str, NodeModel], secrets: Secrets) -> list[str]:
    key = secrets.ssh_private_key.get_secret_value()
    identity = write_private(directory / "identity", key if key.endswith("\n") else key + "\n")
    outputs = [model.outputs.nodes[name] for name, model in models.items()]
    known = write_private(directory / "known_hosts", "".join(map(known_host, outputs)))
    control = directory / "cp"
    control.mkdir(mode=0o700)
    return [
        *("-F", "none"),
        *("-o", f"IdentityFile={identity}"),
        *("-o", "IdentitiesOnly=yes"),
        *("-o", "PreferredAuthentications=publickey"),
        *("-o", f"UserKnownHostsFile={known}"),
        *("-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes"),
        *("-o", "ControlMaster=auto"),
        *("-o", "ControlPersist=300"),
        *("-o", f"ControlPath={control}/%C"),
        *("-o", "ServerAliveInterval=5"),
        *("-o", "ServerAliveCountMax=6"),
    ]


def _inventory(
    models: Mapping[str, NodeModel], groups: Mapping[str, list[str]], bundles: Path, common: list[str]
) -> dict[str, Any]:
    hosts = {
        name: {**_host(model.outputs.nodes[name], bundles / f"{name}.pyz"), **_facts(model)}
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
                "ansible_ssh_common_args": shlex.join(common),
                "ansible_python_interpreter": "/usr/bin/python3",
            },
            "children": children,
        }
    }


def _host(node: NodeOutput, bundle: Path) -> dict[str, Any]:
    return {
        "ansible_host": node.ssh_host,
        "ansible_port": node.ssh_port,
        "ansible_user": node.ssh_user,
        "base_bundle_source": os.fspath(bundle),
    }


def _facts(model: NodeModel) -> dict[str, Any]:
    """What roles need to know beside their trees."""
    return {"postfix_instances": [one.name for one in model.instances]} if model.instances else {}
