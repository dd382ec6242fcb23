"""Every node's configuration as files, from the stack's outputs alone: no machine is asked."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.inventory import NodeModel
from fleet.render import RenderedTree, TreeFile, TreeRenderer
from infra.configure.errors import ConfigureError
from infra.configure.hooks import SOFTWARE_DIGEST_FILE
from infra.configure.prepare import SHARED_ROLE
from infra.configure.syntax import syntax_problem
from infra.nodesoftware import software_digest


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file as it would be on its node."""

    role: str
    path: str
    """Absolute, on the node."""
    mode: str
    """Octal, four digits."""
    owner: str
    group: str
    size_bytes: int
    sha256: str
    content: bytes = field(repr=False)
    """May hold secrets."""

    def as_data(self) -> dict[str, Any]:
        """Everything but the content."""
        return {
            "role": self.role,
            "path": self.path,
            "mode": self.mode,
            "owner": self.owner,
            "group": self.group,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
        }


def render_nodes(
    project: Path, models: Mapping[str, NodeModel], limit: Sequence[str] = ()
) -> dict[str, tuple[RenderedFile, ...]]:
    """Each node's files, sorted by path; `limit` names the nodes to render (empty: all).

    Left out is what is the same on all nodes and no configuration: the programs of the fleet's own daemons.
    RenderError for a template that is wrong, ConfigureError for an unknown node, two roles that ship the
    same path, or a file that its reader could not parse.
    """
    require_nodes(models, limit)
    digest = software_digest(project) + "\n"
    renderer = TreeRenderer(
        project / "templates", {"agent": lambda _: [TreeFile(SOFTWARE_DIGEST_FILE, digest)]}
    )
    return {name: _node_files(renderer, models[name]) for name in limit or models}


def require_nodes(models: Mapping[str, NodeModel], names: Sequence[str]) -> None:
    """ConfigureError unless all of `names` are nodes."""
    unknown = [name for name in names if name not in models]
    if unknown:
        raise ConfigureError(f"no node is called {unknown[0]}; there are {', '.join(models)}")


def write_nodes(directory: Path, rendered: Mapping[str, Sequence[RenderedFile]]) -> None:
    """Lay each node's files out below `directory/NODE`, readable by the caller alone, whatever they hold.

    Modes on the node are told by `RenderedFile`. ConfigureError unless `directory` is empty or absent.
    """
    _claim(directory)
    for node, files in rendered.items():
        for one in files:
            target = directory / node / one.path.lstrip("/")
            _make_private(target.parent)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(one.content)


def _node_files(renderer: TreeRenderer, node: NodeModel) -> tuple[RenderedFile, ...]:
    found: dict[str, RenderedFile] = {}
    for role in renderer.roles():
        if role == SHARED_ROLE or not renderer.has_role(role, node):
            continue
        for one in _files(renderer.render(role, node)):
            if one.path in found:
                both = f"{found[one.path].role} and {role}"
                raise ConfigureError(f"{node.name}: {one.path} is shipped by two roles, {both}: keep one")
            problem = syntax_problem(one.path, one.content)
            if problem:
                raise ConfigureError(f"{node.name}: {one.path}, of templates/{role}: {problem}")
            found[one.path] = one
    return tuple(found[path] for path in sorted(found))


def _files(tree: RenderedTree) -> list[RenderedFile]:
    return [
        RenderedFile(
            role=tree.role,
            path=entry["path"],
            mode=entry["mode"],
            owner=entry["owner"],
            group=entry["group"],
            size_bytes=len(tree.contents[entry["path"]]),
            sha256=hashlib.sha256(tree.contents[entry["path"]]).hexdigest(),
            content=tree.contents[entry["path"]],
        )
        for entry in tree.entries
        if entry["kind"] == "file"
    ]


def _claim(directory: Path) -> None:
    """Make the directory, or take an empty one over, for the caller alone."""
    if directory.is_dir():
        if any(directory.iterdir()):
            raise ConfigureError(f"{directory} is not empty: name a directory that is, or a new one")
        directory.chmod(0o700)
    elif directory.exists() or directory.is_symlink():
        raise ConfigureError(f"{directory} is no directory: name an empty one, or a new one")
    else:
        _make_private(directory)


def _make_private(directory: Path) -> None:
    """Like `mkdir -p`, but every directory it makes is the caller's alone."""
    missing = [directory, *directory.parents]
    for one in reversed(missing):
        if not one.is_dir():
            one.mkdir(mode=0o700)
