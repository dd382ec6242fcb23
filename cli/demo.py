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
from drills.scenario import DEMONSTRATED, SCENARIOS
from fleet.errors import MtafleetError
from fleet.paths import project_root, state_directory
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from lab.ids import LabPaths
from lab.usage import cpu_usage_seconds

__all__ = ["demo"]

SETTLE_SECONDS = 180
# What is wanted on two cores with a warm cache.
UP_SECONDS = 25.0
CONFIGURE_SECONDS = 180.0
ALL_SECONDS = 360.0
LEAST_VERIFIED_PERCENT = 5.0


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

    def step(
        self,
        title: str,
        arguments: Sequence[str],
        *,
        within_seconds: float | None = None,
        required: bool = True,
    ) -> None:
        """Run `mtafleet` with these arguments in the foreground, and keep how many seconds it took."""
        self.told.rule(title, align="left")
        began = time.monotonic()
        done = subprocess.run(_command(arguments), check=False)
        self._judge(title, done.returncode, required)
        self.figures.append(_timed(title, time.monotonic() - began, within_seconds))

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


def _timed(title: str, seconds: float, within_seconds: float | None) -> Figure:
    if within_seconds is None:
        return Figure(title, f"{seconds:.0f} s")
    return Figure(title, f"{seconds:.0f} s", f"within {within_seconds:.0f} s", seconds <= within_seconds)


@click.command(short_help="Bring up a fleet, use it, break it in three ways, and report.")
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
    story.step("Have the machine image", ["lab", "image"])
    story.step("Provision with Pulumi", ["up", environment], within_seconds=UP_SECONDS)
    story.step("Configure with Ansible", ["configure", environment], within_seconds=CONFIGURE_SECONDS)
    story.step("Compare published DNS with the plan", ["dns", "verify", environment])
    _send(story, count, _fleet_cpu(environment))
    pages = [_drill(story, name) for name in DEMONSTRATED]
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
    verified_percent = 100 * totals["verified"] / max(totals["delivered"], 1)
    story.figures += [
        Figure(
            "messages accepted",
            f"{totals['accepted']:,} of {totals['attempted']:,}",
            "all",
            totals["accepted"] == totals["attempted"],
        ),
        Figure("accepted a second", f"{sent['attempted'] / max(sent['seconds'], 0.001):.0f}"),
        Figure("messages delivered", f"{totals['delivered']:,}"),
        Figure(
            "messages refused for good by providers", f"{totals['bounced']:,}", "0", totals["bounced"] == 0
        ),
        Figure("messages still deferred", f"{totals['deferred']:,}"),
        Figure("messages lost", f"{totals['lost']:,}", "0", totals["lost"] == 0),
        Figure("messages duplicated", f"{totals['duplicated']:,}"),
        Figure(
            "deliveries whose SPF, DKIM, DMARC and PTR were checked",
            f"{totals['verified']:,} ({verified_percent:.1f} %)",
            f"{LEAST_VERIFIED_PERCENT:.0f} %",
            verified_percent >= LEAST_VERIFIED_PERCENT,
        ),
        Figure("CPU seconds of the MTA nodes per 1,000 messages", f"{used / count * 1000:.2f}"),
    ]


def _drill(story: _Story, name: str) -> Path | None:
    """Run one drill; returns its page. A failed drill does not end the demonstration, its page shows why."""
    record = story.ask(f"Drill: {name}", ["drill", "run", story.environment, name], required=False)
    sidecar = record["figures"]["routes"].get("sidecar", {})
    last_bad = sidecar.get("last_bad_seconds", 0.0) * 1000
    lost = record["observation"]["ledger"]["lost"]
    told = f"{last_bad:.0f} ms to the last bad attempt, {lost} lost"
    wanted = f"within {SCENARIOS[name].allowed_seconds * 1000:.0f} ms, 0 lost"
    title = f"drill {name} on {record['observation']['victim']}"
    story.figures.append(Figure(title, told, wanted, record["passed"]))
    found = sorted((state_directory(story.environment) / "drills").glob(f"*-{name}-*.html"))
    return found[-1] if found else None


def _tell(story: _Story, pages: Sequence[Path | None]) -> None:
    story.figures.append(_timed("all of it", time.monotonic() - story.began_at, ALL_SECONDS))
    table = Table("figure", "measured", "wanted", "", box=None)
    for one in story.figures:
        mark = "" if one.good is None else "[green]ok[/green]" if one.good else "[bold red]not ok[/bold red]"
        table.add_row(one.name, one.value, one.wanted, mark)
    story.told.rule("What was measured", align="left")
    Console().print(table)
    drilled = [page for page in pages if page is not None]
    report = write_report(state_directory(story.environment), story.environment, story.figures, drilled)
    click.echo(f"report: {report}")
    if story.failures:
        raise DemoError("these steps failed: " + "; ".join(story.failures))
