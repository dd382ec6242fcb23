"""`mtafleet drill`: break a fleet on purpose, and keep the evidence."""

import json
import random
import sys

import click
from rich.console import Console
from rich.table import Table

from cli.labs.mail import stack_password
from cli.labs.target import LabTarget
from cli.runs import alone
from drills.analysis import Figures, Verdict, figures, verdict
from drills.errors import DrillError
from drills.journal import FaultJournal
from drills.report import document, write
from drills.run import heal_leftovers, run
from drills.scenario import SCENARIOS, scenario_named
from fleet.paths import project_root, state_directory
from fleet.spec.load import load_environment
from lab.ids import LabPaths

__all__ = ["drill"]


@click.group()
def drill() -> None:
    """Prove what the fleet does when part of it dies.

    Example: mtafleet drill run lab node-crash
    """


@drill.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_drills(*, as_json: bool) -> None:
    """List the drills and what each of them does."""
    if as_json:
        click.echo(json.dumps({name: one.summary for name, one in SCENARIOS.items()}, indent=2))
        return
    table = Table("drill", "what happens", "bad attempts end within", box=None)
    for name, one in SCENARIOS.items():
        table.add_row(name, one.summary, f"{one.allowed_seconds * 1000:.0f} ms")
    Console().print(table)


@drill.command("run")
@click.argument("environment")
@click.argument("name")
@click.option("--victim", help="The node to hit [default: one at random].")
@click.option("--seed", type=int, help="Repeats the choice of victim and moment [default: a new one].")
@click.option("--json", "as_json", is_flag=True, help="Print the whole record as JSON.")
def run_drill(environment: str, name: str, victim: str | None, seed: int | None, *, as_json: bool) -> None:
    """Run drill NAME against ENVIRONMENT, heal it, and write a report as JSON and as a page.

    Exit status 0 when everything that had to be shown was shown, 1 when not.

    Example: mtafleet drill run lab node-blackhole --victim west-1
    """
    scenario = scenario_named(name)
    target = open_target(environment)
    told = Console(stderr=True)
    chosen = seed if seed is not None else random.SystemRandom().randrange(2**31)
    with alone(environment, "drill"):
        seen = run(
            scenario,
            target,
            journal=fault_journal(environment),
            seed=chosen,
            victim=victim,
            progress=lambda line: told.print(f"[dim]{line}[/dim]"),
        )
    measured = figures(seen)
    judged = verdict(scenario, seen, measured)
    machine, page = write(state_directory(environment) / "drills", scenario, seen, measured, judged)
    if as_json:
        click.echo(json.dumps(document(scenario, seen, measured, judged), indent=1))
    else:
        print_verdict(measured, judged)
        click.echo(f"report: {page}\n        {machine}")
    if not judged.passed:
        sys.exit(1)


@drill.command()
@click.argument("environment")
def heal(environment: str) -> None:
    """Heal the fault that a killed drill left in ENVIRONMENT; does nothing when there is none.

    Exit status 1 when the fault is healed but the fleet is not whole again within three minutes.
    """
    target = open_target(environment)
    with alone(environment, "drill"):
        healed = heal_leftovers(target, fault_journal(environment), click.echo)
    if not healed:
        click.echo("not whole yet: " + "; ".join(target.troubles()), err=True)
        sys.exit(1)


def open_target(environment: str) -> LabTarget:
    """The fleet of ENVIRONMENT, ready to be drilled."""
    spec = load_environment(environment)
    if spec.lab is None:
        raise DrillError(
            f"environment {environment} is no lab; only labs can be drilled so far. "
            "Choose one whose file has `substrate: lab`"
        )
    return LabTarget(spec, LabPaths.of(environment, project_root()), stack_password(environment))


def fault_journal(environment: str) -> FaultJournal:
    """Where the fault that is in the world now is noted."""
    return FaultJournal(state_directory(environment) / "drills" / "open-fault.json")


def print_verdict(measured: Figures, judged: Verdict) -> None:
    """The claims of a drill and what was measured, as a table."""
    table = Table("claim", "measured", "", box=None)
    for check in judged.checks:
        mark = "[green]holds[/green]" if check.holds else "[bold red]fails[/bold red]"
        table.add_row(check.claim, check.measured, mark)
    console = Console()
    console.print(table)
    for route, one in measured.routes.items():
        console.print(
            f"{route}: {one.attempts} attempts, {one.bad} bad begun while the fault lasted, the last "
            f"{one.last_bad_seconds * 1000:.0f} ms after it began; {one.bad_after_heal} bad begun after the "
            f"healing; {one.under_way_at_fault} under way at the fault, {one.under_way_bad} of them bad"
        )
