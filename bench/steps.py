"""How long provisioning and configuration take, from nothing to nothing.

    uv run python -m bench.steps

Runs the `mtafleet` commands a person would type, one after the other, and removes the environment at the
end. Image, engine and node software come from their caches if they are there: a second run is a warm one.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import click
from rich.console import Console
from rich.table import Table

from bench.errors import BenchError
from bench.main import benchmark
from fleet.paths import project_root
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from lab.api import LabPaths, outer
from lab.netns import opened_in, operator_network
from lab.tcp import greeting

SSH_PORT = 22
_MTAFLEET = (sys.executable, "-c", "from cli.main import main; main()")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was done, how long it took (wall clock), and how long it may take, if that is agreed."""

    name: str
    seconds: float
    limit_seconds: float | None = None
    detail: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the limit was kept; None when there is none."""
        return None if self.limit_seconds is None else self.seconds <= self.limit_seconds


class Steps:
    """Runs steps for one environment and keeps their times."""

    def __init__(self, environment: str, told: Console) -> None:
        self.environment = environment
        self.done: list[Step] = []
        self._told = told
        self._paths = LabPaths.of(environment, project_root())
        self._nodes = Fleet.of(load_environment(environment)).nodes

    def exists(self) -> bool:
        """Whether the lab is running, or was and left its disks."""
        return outer.find(self._paths) is not None or self._paths.state.exists()

    def up(self, name: str, limit_seconds: float | None) -> None:
        """`mtafleet up`, until every node answers on its SSH port as seen from the operator's network."""
        began = time.monotonic()
        self._run("up", self.environment)
        deadline = time.monotonic() + 30.0
        while silent := self._silent():
            if time.monotonic() > deadline:
                raise BenchError(f"after `mtafleet up`, no SSH answer from {', '.join(silent)}")
        self._note(Step(name, time.monotonic() - began, limit_seconds, f"{len(self._nodes)} nodes answer"))

    def configure(self, name: str, limit_seconds: float, *, unchanged: bool) -> None:
        """`mtafleet configure`; BenchError when it changes what should be as it is."""
        began = time.monotonic()
        report = json.loads(self._run("configure", self.environment, "--json"))
        seconds = time.monotonic() - began
        tasks = sum(node["tasks"] for node in report["nodes"].values())
        changes = sum(len(node["changed"]) for node in report["nodes"].values())
        if unchanged and changes:
            raise BenchError(f"a second `mtafleet configure` changed {changes} things")
        self._note(Step(name, seconds, limit_seconds, f"{tasks} tasks, {changes} changes"))

    def destroy(self, name: str) -> None:
        """`mtafleet destroy`, until nothing is left."""
        began = time.monotonic()
        self._run("destroy", self.environment, "--yes")
        if self.exists():
            raise BenchError(f"`mtafleet destroy` left something in {self._paths.state}")
        self._note(Step(name, time.monotonic() - began))

    def _silent(self) -> list[str]:
        network = operator_network(self._paths)

        def answers(address: str) -> bool:
            return opened_in(network, lambda: greeting(address, SSH_PORT)).startswith(b"SSH-")

        with ThreadPoolExecutor(len(self._nodes)) as pool:
            heard = pool.map(answers, [str(node.address) for node in self._nodes])
        return [node.name for node, answered in zip(self._nodes, heard, strict=True) if not answered]

    def _run(self, *arguments: str) -> str:
        """Run a command to its end; what it printed. BenchError with its last words when it fails."""
        command: Sequence[str] = (*_MTAFLEET, *arguments)
        done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-15:]
            raise BenchError(f"`mtafleet {' '.join(arguments)}` failed:\n" + "\n".join(said))
        return done.stdout

    def _note(self, step: Step) -> None:
        self.done.append(step)
        self._told.print(f"[dim]{step.name}: {step.seconds:.1f} s[/dim]")


@click.command()
@click.option("-e", "--environment", default="lab", show_default=True)
@click.option("--replace", is_flag=True, help="Destroy the environment first if it is there, queues and all.")
@click.option("--keep", is_flag=True, help="Leave the environment up in the end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(environment: str, *, replace: bool, keep: bool, as_json: bool) -> None:
    """Time provisioning and configuration of a lab."""
    steps = Steps(environment, Console(stderr=True, highlight=False))
    if steps.exists():
        if not replace:
            raise BenchError(f"environment {environment} is there already; `--replace` destroys it first")
        steps.destroy("destroy what was there")
    try:
        steps.up("up from nothing until SSH answers", 25.0)
        steps.up("up, nothing to change", None)
        steps.configure("configure, first time", 180.0, unchanged=False)
        steps.configure("configure, nothing to change", 90.0, unchanged=True)
    finally:
        if not keep and steps.exists():
            steps.destroy("destroy")
    _print(steps.done, as_json=as_json)


def _print(steps: Sequence[Step], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([{**asdict(step), "reached": step.reached} for step in steps], indent=2))
        return
    table = Table("step", "seconds", "wanted", "", "", box=None)
    for step in steps:
        wanted = "" if step.limit_seconds is None else f"{step.limit_seconds:g}"
        mark = {None: "", True: "[green]reached[/green]", False: "[bold red]missed[/bold red]"}[step.reached]
        table.add_row(step.name, f"{step.seconds:.1f}", wanted, mark, step.detail)
    Console(highlight=False).print(table)


if __name__ == "__main__":
    benchmark(main)
