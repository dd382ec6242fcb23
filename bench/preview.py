"""How long Pulumi takes over a large fleet on AWS, and what its parts need.

    uv run python -m bench.preview

Previews both stacks of generated fleets with the policy pack, and brings a small one up for the first time.
Runs the real engine over the stand-in for the AWS provider and a simulated AWS on loopback: no account, no
network. Leaves nothing.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bench.engine_project import FOUNDATION, EngineProject, Measured, simulated_aws
from bench.large import ADDRESSES_PER_NODE, NAME, foundation_outputs, write_environment
from bench.main import benchmark

WANTED_NODES = 50
WANTED_SECONDS = 120.0
"""For the previews of both stacks of a fleet of `WANTED_NODES`, together."""
FILE_WIDTH = 160
SHOWN_PARTS = ("engine", "program", "policy", "AWS", "keys")


@dataclass(frozen=True, slots=True)
class Row:
    """One run of the engine for a fleet of `nodes` mail servers."""

    nodes: int
    what: str
    measured: Measured
    state_bytes: int | None = None

    @property
    def resources(self) -> int:
        return sum(
            number for word, number in self.measured.counts.items() if word in ("created", "to create")
        )

    def as_data(self) -> dict[str, Any]:
        used = self.measured.used
        return {
            "nodes": self.nodes,
            "sending_addresses": self.nodes * ADDRESSES_PER_NODE,
            "what": self.what,
            "resources": self.resources,
            "seconds": round(self.measured.seconds, 1),
            "peak_mebibytes": {part: round(one.peak_mebibytes) for part, one in used.items()},
            "cpu_seconds": {part: round(one.cpu_seconds, 1) for part, one in used.items()},
            "state_bytes": self.state_bytes,
        }


@click.command()
@click.option(
    "--nodes", multiple=True, type=int, default=(10, 50, 100), show_default=True, help="Mail servers."
)
@click.option("--up-nodes", type=int, default=4, show_default=True, help="Fleet to bring up; 0: none.")
@click.option(
    "--limit-seconds", type=float, default=900.0, show_default=True, help="For one run of the engine."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(nodes: tuple[int, ...], up_nodes: int, limit_seconds: float, *, as_json: bool) -> None:
    """Time previews of generated fleets on AWS, and a first up."""
    told = Console(stderr=True, highlight=False)
    rows: list[Row] = []
    with simulated_aws() as url:
        for count in nodes:
            rows += _previews(count, url, limit_seconds, told)
        if up_nodes:
            rows += _first_up(up_nodes, url, limit_seconds, told)
    if as_json:
        click.echo(json.dumps(_as_data(rows), indent=2))
    else:
        _print(rows)


def _previews(nodes: int, url: str, limit_seconds: float, told: Console) -> list[Row]:
    """Of the foundation, and of the fleet upon a made-up foundation."""
    with tempfile.TemporaryDirectory(prefix="mtafleet-bench-") as name:
        folder = Path(name)
        environment = write_environment(folder, nodes)
        project = EngineProject.make(folder, url, environment, limit_seconds)
        first = _told(Row(nodes, "preview foundation", project.preview(FOUNDATION)), told)
        project.give_outputs(FOUNDATION, foundation_outputs(environment))
        return [first, _told(Row(nodes, "preview fleet", project.preview(NAME)), told)]


def _first_up(nodes: int, url: str, limit_seconds: float, told: Console) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="mtafleet-bench-") as name:
        folder = Path(name)
        project = EngineProject.make(folder, url, write_environment(folder, nodes), limit_seconds)
        found = []
        for stack, what in ((FOUNDATION, "first up foundation"), (NAME, "first up fleet")):
            measured = project.up(stack)
            found.append(_told(Row(nodes, what, measured, project.state_bytes(stack)), told))
        return found


def _told(row: Row, told: Console) -> Row:
    told.print(f"[dim]{row.nodes} nodes, {row.what}: {row.measured.seconds:.1f} s[/dim]")
    return row


def preview_seconds(rows: Sequence[Row], nodes: int) -> float | None:
    """Both previews of a fleet together; None when it was not among those measured."""
    found = [row.measured.seconds for row in rows if row.nodes == nodes and row.what.startswith("preview")]
    return sum(found) if found else None


def _as_data(rows: Sequence[Row]) -> dict[str, Any]:
    seconds = preview_seconds(rows, WANTED_NODES)
    return {
        "runs": [row.as_data() for row in rows],
        "wanted": {"nodes": WANTED_NODES, "preview_seconds": WANTED_SECONDS},
        "reached": None if seconds is None else seconds <= WANTED_SECONDS,
        "load_average": os.getloadavg()[0],
        "processors": os.cpu_count(),
    }


def _print(rows: Sequence[Row]) -> None:
    table = Table(box=None)
    for heading in ("nodes", "addresses", "run", "resources", "seconds", "CPU seconds"):
        table.add_column(heading, justify="left" if heading == "run" else "right", no_wrap=True)
    for part in SHOWN_PARTS:
        table.add_column(f"{part} MiB", justify="right", no_wrap=True)
    table.add_column("state MB", justify="right", no_wrap=True)
    for row in rows:
        used = row.measured.used
        memory = [f"{used[part].peak_mebibytes:.0f}" if part in used else "" for part in SHOWN_PARTS]
        table.add_row(
            str(row.nodes),
            str(row.nodes * ADDRESSES_PER_NODE),
            row.what,
            str(row.resources),
            f"{row.measured.seconds:.1f}",
            f"{sum(one.cpu_seconds for one in used.values()):.1f}",
            *memory,
            "" if row.state_bytes is None else f"{row.state_bytes / 1e6:.1f}",
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    console.print(table)
    seconds_wanted = preview_seconds(rows, WANTED_NODES)
    if seconds_wanted is not None:
        reached = seconds_wanted <= WANTED_SECONDS
        mark = "[green]reached[/green]" if reached else "[bold red]missed[/bold red]"
        console.print(
            f"previews of {WANTED_NODES} nodes together: {seconds_wanted:.1f} s, "
            f"wanted {WANTED_SECONDS:g} s: {mark}"
        )


if __name__ == "__main__":
    benchmark(main)
