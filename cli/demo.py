"""`mtafleet demo`: the whole story once, from nothing to a report."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli.demo_report import Figure, write_report
from drills.scenario import SCENARIOS
from fleet.errors import MtafleetError
from fleet.paths import project_root, state_directory
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from lab.ids import LabPaths
from lab.usage import cpu_usage_seconds

__all__ = ["demo"]

SETTLE_SECONDS = 180


class DemoError(MtafleetError):
    """A step of the demonstration failed; its own message stands above."""


@dataclass(slots=True)
class _Story:
    """Runs the steps one after the other and keeps what they measured."""

    environment: str
    told: Console
    began_at: float = field(default_factory=time.monotonic)
    figures: list[Figure] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def step(self, title: str, arguments: Sequence[str], *, required: bool = True) -> float:
        """Run `mtafleet` with these arguments in the foreground; returns how many seconds it took."""
        self.told.rule(title, align="left")
        began = time.monotonic()
        done = subprocess.run(_command(arguments), check=False)
        self._judge(title, done.returncode, required)
        seconds = time.monotonic() - began
        self.figures.append(Figure(title, f"{seconds:.0f} s"))
        return seconds

    def ask(self, title: str, arguments: Sequence[str], *, required: bool = True) -> dict[str, Any]:
        """Run a command that prints JSON, its progress shown on stderr; returns what it printed."""
        self.told.rule(title, align="left")
        done = subprocess.run(
            _command([*arguments, "--json"]), check=False, stdout=subprocess.PIPE, text=True
        )
        self._judge(title, done.returncode, required)
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise DemoError(f"{title}: `mtafleet {' '.join(arguments)}` printed no result") from None
        return answer

    def _judge(self, title: str, status: int, required: bool) -> None:
        if status == 0:
            return
        if required:
            raise DemoError(f"{title}: failed with exit status {status}; the reason stands above")
        self.failures.append(title)


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-c", "from cli.main import main; main()", *arguments]


@click.command()
@click.argument("environment", default="lab")
@click.option("--count", type=click.IntRange(1), default=10_000, show_default=True, help="Messages to send.")
def demo(environment: str, count: int) -> None:
    """Bring up a fleet, send mail through it, kill a node in three ways, and report.

    The fleet stays up afterwards; `mtafleet destroy lab` removes it.
    """
    spec = load_environment(environment)
    if spec.lab is None:
        raise DemoError(f"environment {environment} is no lab: a demonstration breaks what it shows")
    story = _Story(environment, Console(stderr=True, highlight=False))
    story.step("Provision with Pulumi", ["up", environment])
    story.step("Configure with Ansible", ["configure", environment])
    story.step("Compare published DNS with the plan", ["dns", "verify", environment])
    _send(story, count, _fleet_cpu(environment))
    pages = [_drill(story, name) for name in SCENARIOS]
    story.step("Status of the fleet", ["status", environment], required=False)
    _tell(story, pages)


def _fleet_cpu(environment: str) -> Callable[[], float]:
    """Reads the CPU seconds that the MTA nodes have used so far, by their cgroups."""
    paths = LabPaths.of(environment, project_root())
    nodes = [node.name for node in Fleet.of(load_environment(environment)).mta_nodes]
    return lambda: sum(cpu_usage_seconds(paths, node) for node in nodes)


def _send(story: _Story, count: int, cpu_seconds: Callable[[], float]) -> None:
    before = cpu_seconds()
    sent = story.ask(
        f"Send {count:,} messages",
        ["lab", "send", "-e", story.environment, "--count", str(count)],
        required=False,
    )
    ledger = story.ask(
        "Account for every message",
        ["lab", "ledger", "-e", story.environment, "--run", sent["run"], "--wait", str(SETTLE_SECONDS)],
        required=False,
    )
    totals = ledger["totals"]
    used = cpu_seconds() - before
    story.figures += [
        Figure("messages accepted", f"{totals['accepted']:,} of {totals['attempted']:,}"),
        Figure("accepted a second", f"{sent['attempted'] / max(sent['seconds'], 0.001):.0f}"),
        Figure("messages delivered", f"{totals['delivered']:,}"),
        Figure("messages bounced (mailboxes that do not exist)", f"{totals['bounced']:,}"),
        Figure("messages still deferred", f"{totals['deferred']:,}"),
        Figure("messages lost", f"{totals['lost']:,}", good=totals["lost"] == 0),
        Figure("messages duplicated", f"{totals['duplicated']:,}"),
        Figure("messages verified by the simulated ISPs", f"{totals['verified']:,}"),
        Figure("CPU seconds of the MTA nodes per 1,000 messages", f"{used / count * 1000:.2f}"),
    ]


def _drill(story: _Story, name: str) -> Path | None:
    """Run one drill; returns its page. A failed drill does not end the demonstration, its page shows why."""
    record = story.ask(f"Drill: {name}", ["drill", "run", story.environment, name], required=False)
    sidecar = record["figures"]["routes"].get("sidecar", {})
    last_bad = sidecar.get("last_bad_seconds", 0.0) * 1000
    lost = record["observation"]["ledger"]["lost"]
    told = f"{last_bad:.0f} ms to the last bad attempt, {lost} lost"
    story.figures.append(Figure(f"drill {name} on {record['observation']['victim']}", told, record["passed"]))
    found = sorted((state_directory(story.environment) / "drills").glob(f"*-{name}-*.html"))
    return found[-1] if found else None


def _tell(story: _Story, pages: Sequence[Path | None]) -> None:
    total = time.monotonic() - story.began_at
    story.figures.append(Figure("all of it", f"{total:.0f} s"))
    table = Table("figure", "measured", "", box=None)
    for one in story.figures:
        mark = "" if one.good is None else "[green]ok[/green]" if one.good else "[bold red]not ok[/bold red]"
        table.add_row(one.name, one.value, mark)
    story.told.rule("What was measured", align="left")
    Console().print(table)
    drilled = [page for page in pages if page is not None]
    report = write_report(state_directory(story.environment), story.environment, story.figures, drilled)
    click.echo(f"report: {report}")
    if story.failures:
        raise DemoError("these steps failed: " + "; ".join(story.failures))
