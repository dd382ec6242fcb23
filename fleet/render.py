"""Renders what a role puts on a node: a whole tree of files, packed for `mtafleet-tree`.

`templates/ROLE/` mirrors the node's file system: `templates/front/etc/haproxy/haproxy.cfg.j2`
becomes `/etc/haproxy/haproxy.cfg`. A file whose name ends in `.j2` is rendered with the node model
as `node` (an undefined name is an error); any other is copied. `templates/ROLE/tree.yaml` says the
rest, every key optional:

    nodes: node.is_mta                   # which nodes have this role; default all
    packages: [foo, foo-tools]           # Debian's, on every node that has the role
    accounts: [u foo 460 - /var/lib/foo] # sysusers.d(5): owners of what outlives a machine
    files:                               # by template path; what is not 0644 root:root, once per node
      etc/foo/pool.conf.j2: {mode: "0640", group: foo, each: node.instances, as: instance,
                             to: "/etc/foo/{{ instance.name }}.conf", when: node.is_mta}
      etc/foo/state.db: {once: true}     # created when absent, afterwards the service's own
    directories:
      - {path: /var/lib/foo, mode: "0750", owner: foo, group: foo}
    links:
      - {path: /etc/foo/enabled, target: available}
    absent:
      - {path: /etc/foo/example.conf}
    validate:                            # run where the new files are visible, before they count
      - {run: [foo, --check, /etc/foo/foo.conf]}
    actions:                             # run after the installation when one of the paths changed
      - {paths: ["/etc/foo/*"], run: [systemctl, try-reload-or-restart, foo.service]}

`when`, `each` and `as` work on every item; `nodes`, `when` and `each` are expressions, all other
strings may hold `{{ }}`. Contents that are computed, and further names for the templates, come from
`fleet/trees/ROLE.py`.
"""

import hashlib
import importlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import jinja2
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from fleet.errors import MtafleetError
from fleet.inventory import NodeModel

HIDDEN_SECRET = str(SecretStr("x")).encode()
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

Mode = Annotated[str, StringConstraints(pattern=r"^0[0-7]{3}$")]
Package = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
"""The name of a binary package (Debian Policy 5.6.7)."""


class RenderError(MtafleetError):
    """A template, or the tree.yaml beside it, is wrong."""


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file with computed contents; `once`: created when absent, never touched afterwards."""

    path: str
    content: str | bytes
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    once: bool = False


Hook = Callable[[NodeModel], list[TreeFile]]
"""Computes a role's further files for a node."""


@dataclass(frozen=True, slots=True)
class RenderedTree:
    """Everything a role ships to a node: `entries` as the node's tool reads them, contents by path."""

    role: str
    entries: tuple[dict[str, Any], ...]
    contents: Mapping[str, bytes]
    validate: tuple[list[str], ...]
    actions: tuple[dict[str, Any], ...]

    @property
    def index(self) -> bytes:
        """`tree.json`: the same tree always gives the same bytes."""
        value = {"entries": self.entries, "validate": self.validate, "actions": self.actions}
        return json.dumps(value, sort_keys=True).encode()


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str | None = None
    each: str | None = None
    as_: str = Field("item", alias="as")


class _Placed(_Item):
    mode: Mode = "0644"
    owner: str = "root"
    group: str = "root"


class _File(_Placed):
    to: str | None = None
    once: bool = False


class _Directory(_Placed):
    path: str
    mode: Mode = "0755"


class _Link(_Item):
    path: str
    target: str


class _Absent(_Item):
    path: str


class _Command(_Item):
    run: Annotated[list[str], Field(min_length=1)]


class _Action(_Command):
    paths: Annotated[list[str], Field(min_length=1)]


class _TreeDescription(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: str = "true"
    packages: list[Package] = []
    accounts: list[str] = []
    files: dict[str, _File] = {}
    directories: list[_Directory] = []
    links: list[_Link] = []
    absent: list[_Absent] = []
    validate_: list[_Command] = Field([], alias="validate")
    actions: list[_Action] = []


class TreeRenderer:
    """Renders the trees under one `templates` directory for one fleet.

    Every method raises RenderError that names the file when a template is at fault.
    """

    def __init__(self, templates: Path, hooks: Mapping[str, Hook] | None = None) -> None:
        """`hooks` adds computed files by role, for rooms that this one must not import."""
        self._templates = templates
        self._hooks = hooks or {}
        self._known_scopes: dict[tuple[str, str], dict[str, Any]] = {}
        self._known_descriptions: dict[str, _TreeDescription] = {}
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701  (configuration files, not HTML)
        )

    def roles(self) -> tuple[str, ...]:
        """Every role that has templates, sorted."""
        return tuple(sorted(one.name for one in self._templates.iterdir() if one.is_dir()))

    def has_role(self, role: str, node: NodeModel) -> bool:
        """Whether `node` gets `role` at all."""
        return bool(self._expression(role, self._describe(role).nodes, {"node": node}))

    def packages(self, roles: Iterable[str]) -> list[str]:
        """The Debian packages that these roles need, sorted."""
        return sorted({name for role in roles for name in self._describe(role).packages})

    def accounts(self, roles: Iterable[str]) -> list[str]:
        """The accounts with fixed numbers that these roles need, as lines of sysusers.d(5)."""
        return [line for role in roles for line in self._describe(role).accounts]

    def render(self, role: str, node: NodeModel) -> RenderedTree:
        """The whole tree of one role for one node."""
        description = self._describe(role)
        files = {one.path: one for one in self._files(role, description, node)}
        files |= {one.path: one for one in _tree_files(role, node)}
        _refuse_stars(role, {path: _bytes(one.content) for path, one in files.items()})
        hook = self._hooks.get(role)
        files |= {one.path: one for one in (hook(node) if hook else ())}
        contents = {path: _bytes(one.content) for path, one in files.items()}
        entries = [
            *self._plain(role, "directory", description.directories, node),
            *(_file_entry(files[path], contents[path]) for path in sorted(files)),
            *self._plain(role, "link", description.links, node),
            *self._plain(role, "absent", description.absent, node),
        ]
        _refuse_doubles(role, entries)
        return RenderedTree(
            role=role,
            entries=tuple(entries),
            contents=contents,
            validate=tuple(item["run"] for item in self._items(role, description.validate_, node)),
            actions=tuple(self._items(role, description.actions, node)),
        )

    def _base_scope(self, role: str, node: NodeModel) -> dict[str, Any]:
        """What every template of the role sees: `node`, and what the role's module adds."""
        key = role, node.name
        if key not in self._known_scopes:
            scope = getattr(_tree_module(role), "scope", None)
            self._known_scopes[key] = {"node": node, **(scope(node) if scope else {})}
        return self._known_scopes[key]

    def _describe(self, role: str) -> _TreeDescription:
        if role not in self._known_descriptions:
            self._known_descriptions[role] = self._read_description(role)
        return self._known_descriptions[role]

    def _read_description(self, role: str) -> _TreeDescription:
        where = self._templates / role / "tree.yaml"
        if not where.is_file():
            return _TreeDescription()
        try:
            return _TreeDescription.model_validate(yaml.safe_load(where.read_text()) or {})
        except yaml.YAMLError as error:
            raise RenderError(f"{where}: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            raise RenderError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error

    def _files(self, role: str, description: _TreeDescription, node: NodeModel) -> Iterator[TreeFile]:
        base = self._templates / role
        files = (one for one in base.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
        found = sorted(str(one.relative_to(base)) for one in files)
        sources = [one for one in found if one != "tree.yaml" and not one.startswith("_")]
        unknown = sorted(set(description.files) - set(sources))
        if unknown:
            raise RenderError(f"{base / 'tree.yaml'}: files: {unknown[0]}: there is no such template")
        for source in sources:
            item = description.files.get(source, _File())
            for scope in self._scopes(role, item, node):
                path = self._text(role, item.to, scope) if item.to else "/" + source.removesuffix(".j2")
                content = self._content(role, source, scope)
                yield TreeFile(path, content, item.mode, item.owner, item.group, item.once)

    def _content(self, role: str, source: str, scope: Mapping[str, Any]) -> str | bytes:
        if not source.endswith(".j2"):
            return (self._templates / role / source).read_bytes()
        with _blame(f"{role}/{source}"):
            return self._jinja.get_template(f"{role}/{source}").render(scope)

    def _plain(
        self, role: str, kind: Literal["directory", "link", "absent"], items: Any, node: NodeModel
    ) -> Iterator[dict[str, Any]]:
        for fields in self._items(role, items, node):
            yield {"kind": kind, **fields}

    def _items(self, role: str, items: Any, node: NodeModel) -> Iterator[dict[str, Any]]:
        for item in items:
            for scope in self._scopes(role, item, node):
                fields = item.model_dump(exclude={"when", "each", "as_"})
                yield {key: self._deep(role, value, scope) for key, value in fields.items()}

    def _scopes(self, role: str, item: _Item, node: NodeModel) -> Iterator[dict[str, Any]]:
        base = self._base_scope(role, node)
        values = self._expression(role, item.each, base) if item.each else [None]
        for value in values:
            scope = {**base, item.as_: value} if item.each else base
            if item.when is None or self._expression(role, item.when, scope):
                yield scope

    def _deep(self, role: str, value: Any, scope: Mapping[str, Any]) -> Any:
        if isinstance(value, list):
            return [self._text(role, one, scope) for one in value]
        return self._text(role, value, scope)

    def _text(self, role: str, text: str, scope: Mapping[str, Any]) -> str:
        with _blame(f"{role}/tree.yaml: {text}"):
            return self._jinja.from_string(text).render(scope)

    def _expression(self, role: str, text: str, scope: Mapping[str, Any]) -> Any:
        with _blame(f"{role}/tree.yaml: {text}"):
            found = self._jinja.compile_expression(text, undefined_to_none=False)(**scope)
            return str(found) if isinstance(found, jinja2.Undefined) else found  # str() raises for those


class _blame:  # noqa: N801  (a context manager, read like a function)
    """Turns whatever a template raises into a RenderError that names the template and its line."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, jinja2.TemplateSyntaxError):
            raise RenderError(f"templates/{self._where}: line {error.lineno}: {error.message}") from error
        if isinstance(error, jinja2.TemplateError | AttributeError | TypeError | KeyError | ValueError):
            raise RenderError(f"templates/{self._where}: {error}") from error


def write_bundle(bundle: Path, trees: list[RenderedTree], extra: Mapping[str, bytes] | None = None) -> str:
    """Pack trees for one node into a zip file with mode 0600; returns its sha256.

    `extra` adds members by name: with `__main__.py` Python runs the bundle. The bytes depend on
    nothing but the arguments.
    """
    members = {f"{tree.role}/tree.json": tree.index for tree in trees} | dict(extra or {})
    members |= {
        f"{tree.role}/files{path}": content for tree in trees for path, content in tree.contents.items()
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), members[name])
    bundle.touch(mode=0o600)
    bundle.write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


@cache
def _tree_module(role: str) -> ModuleType | None:
    name = f"fleet.trees.{role}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise


def _tree_files(role: str, node: NodeModel) -> list[TreeFile]:
    hook: Hook | None = getattr(_tree_module(role), "files", None)
    return hook(node) if hook else []


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _file_entry(one: TreeFile, content: bytes) -> dict[str, Any]:
    return {
        "kind": "file",
        "path": one.path,
        "mode": one.mode,
        "owner": one.owner,
        "group": one.group,
        "once": one.once,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _refuse_stars(role: str, contents: Mapping[str, bytes]) -> None:
    """A `SecretStr` printed by mistake would make a valid file with a wrong secret in it."""
    for path, content in contents.items():
        if HIDDEN_SECRET in content:
            raise RenderError(f"templates/{role}: {path} holds a hidden secret; write .get_secret_value()")


def _refuse_doubles(role: str, entries: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry["path"] in seen:
            raise RenderError(f"templates/{role}: {entry['path']} is described twice")
        seen.add(entry["path"])
