"""`mtafleet configure NAME --check` without a machine: every node's files, from the stack's outputs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cli.access import AccessError, prepare_shells
from fleet.inventory import NodeModel
from fleet.paths import project_root
from infra.configure.reach import reachable
from infra.configure.rendering import RenderedFile, render_nodes, write_nodes
from infra.outputs import StackOutputs
from infra.sessions.errors import SessionError

Rendered = Mapping[str, Sequence[RenderedFile]]
DIGITS_SHOWN = 12
FILE_WIDTH = 200
"""Columns of a line where no terminal has fewer: paths stay whole."""


def why_out_of_reach(environment: str, substrate: str, outputs: StackOutputs) -> str:
    """Why no node of a fleet on AWS can be asked from here; empty when one can, and for a lab.

    A lab that does not run is an error to who wants to compare with it, since it could.
    """
    if substrate == "lab":
        return ""
    try:
        prepare_shells(environment, outputs.fleet)
    except (AccessError, SessionError) as error:
        return str(error)
    direct = [node for node in outputs.fleet.nodes.values() if node.session is None]
    if direct and not reachable(direct):
        return "no node answers on its SSH port"
    return ""


def render(
    models: Mapping[str, NodeModel], limit: Sequence[str], output: Path | None
) -> dict[str, tuple[RenderedFile, ...]]:
    """Render each node's files, and write them below `output` if that is named."""
    rendered = render_nodes(project_root(), models, limit)
    if output is not None:
        write_nodes(output, rendered)
    return rendered


def show_rendered(rendered: Rendered, reason: str, output: Path | None, *, as_json: bool) -> None:
    """Print what was rendered; `reason` says why nothing was compared with a machine."""
    if as_json:
        click.echo(json.dumps(_as_data(rendered, reason), indent=2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    for node, files in rendered.items():
        table = Table(title=node, title_justify="left", box=None)
        table.add_column("file", overflow="fold")
        for heading in ("role", "mode", "owner"):
            table.add_column(heading, no_wrap=True)
        table.add_column("bytes", justify="right")
        table.add_column("sha256", no_wrap=True)
        for one in files:
            owner = f"{one.owner}:{one.group}"
            table.add_row(one.path, one.role, one.mode, owner, str(one.size_bytes), one.sha256[:DIGITS_SHOWN])
        console.print(table)
    click.echo(_summary(rendered, reason, output))


def _summary(rendered: Rendered, reason: str, output: Path | None) -> str:
    files = sum(map(len, rendered.values()))
    size = sum(one.size_bytes for listed in rendered.values() for one in listed)
    nodes = "1 node" if len(rendered) == 1 else f"{len(rendered)} nodes"
    where = f", written to {output}" if output is not None else ""
    return f"{nodes} rendered: {files} files, {size} bytes{where}. Not compared with machines: {reason}"


def _as_data(rendered: Rendered, reason: str) -> dict[str, object]:
    return {
        "ok": True,
        "check": True,
        "compared": False,
        "reason": reason,
        "nodes": {name: {"files": [one.as_data() for one in files]} for name, files in rendered.items()},
    }
