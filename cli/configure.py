"""`mtafleet configure NAME`: every node becomes what the environment says."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from cli.access import prepare_shells
from cli.closing import open_the_other_way
from cli.rendering import render, show_rendered, why_out_of_reach
from cli.runs import INTERRUPTED_STATUS, alone
from cli.status import ASK_DAEMON, read_observers
from failover.overview import Observer, overview
from fleet.inventory import NodeModel, node_models
from fleet.paths import project_root
from fleet.spec.load import load_environment
from fleet.topology import Fleet
from infra.configure import NodeReport, Progress, Request, RunReport
from infra.configure import configure as configure_nodes
from infra.configure.hooks import HOOKS, build_software
from infra.outputs import StackOutputs, read_outputs
from infra.ssh import node_shells


@click.command()
@click.argument("environment")
@click.option("--check", is_flag=True, help="Change nothing; show what would change.")
@click.option("--offline", is_flag=True, help="With --check: ask no machine, only render every file.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --check: write each node's files below this new or empty directory. They hold secrets.",
)
@click.option("--limit", multiple=True, metavar="NODE", help="Only this node; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def configure(
    environment: str,
    *,
    check: bool,
    offline: bool,
    output: Path | None,
    limit: tuple[str, ...],
    as_json: bool,
) -> None:
    """Bring packages' settings, services, zones and certificates of all nodes up to date.

    Needs nodes that `mtafleet up` has made. Nothing is touched on nodes that are as they should be. A fleet
    that is in service is changed one node first, then region by region, and no further when a node does not
    come back into service. Exit status 1 when a node failed; it keeps working with what it had.

    --check compares every node with what it should be. With --offline, and for a fleet on AWS of which no
    node can be reached from here, it renders every node's files from the stack's outputs and lists them.
    """
    if not check and (offline or output is not None):
        raise click.UsageError("--offline and --output go with --check: without a machine nothing changes")
    fleet = Fleet.of(load_environment(environment))
    name, substrate = fleet.environment.environment, fleet.environment.substrate
    outputs = read_outputs(name, substrate=substrate)
    models = node_models(fleet, outputs.fleet, outputs.secrets)
    if check:
        reason = "--offline" if offline else why_out_of_reach(name, substrate, outputs)
        rendered = render(models, limit, output) if reason or output is not None else {}
        if reason:
            show_rendered(rendered, reason, output, as_json=as_json)
            return
        if output is not None:
            click.echo(f"every node's files are in {output}", err=True)
    _work(fleet, outputs, models, check=check, limit=limit, as_json=as_json)


def _work(
    fleet: Fleet,
    outputs: StackOutputs,
    models: Mapping[str, NodeModel],
    *,
    check: bool,
    limit: tuple[str, ...],
    as_json: bool,
) -> None:
    """Go to the nodes, and end with the exit status that says how it went."""
    environment = fleet.environment.environment
    build_software()
    if fleet.environment.substrate == "lab" or not check:  # elsewhere a check has looked before it came here
        prepare_shells(environment, outputs.fleet)
    with (
        alone(environment, "configure"),
        node_shells(outputs) as shells,
        _progress(list(limit) or list(models), quiet=as_json) as progress,
    ):
        open_the_other_way(fleet, outputs, shells, limit, check=check)
        request = Request(
            project_root(),
            models,
            limit,
            check=check,
            hooks=HOOKS,
            serving=lambda: _in_service(read_observers(outputs.fleet, shells.ask(ASK_DAEMON))),
        )
        report = configure_nodes(request, progress)
    if as_json:
        click.echo(report.as_json())
    else:
        _print_report(report, Console(soft_wrap=True, highlight=False))
    if not report.completed and report.message == "interrupted":
        sys.exit(INTERRUPTED_STATUS)
    if not report.ok:
        sys.exit(1)


def _in_service(observers: Sequence[Observer]) -> frozenset[str]:
    """The nodes whose every part is in service for all daemons that could be asked."""
    found = overview(observers)
    unwell = {one.node for one in found.members if not one.healthy}
    return frozenset(one.node for one in found.members) - unwell


class _Silent:
    def started(self, node: str, role: str, task: str) -> None:
        """Nothing is shown."""

    def finished(self, node: NodeReport, role: str, task: str) -> None:
        """Nothing is shown."""


class _Lines:
    """For logs: one line when a node has worked on a role for the first time, and one for each failure."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: set[tuple[str, str]] = set()

    def started(self, node: str, role: str, task: str) -> None:
        """Tasks may still turn out to be skipped."""

    def finished(self, node: NodeReport, role: str, task: str) -> None:
        if role and (node.name, role) not in self._seen:
            self._seen.add((node.name, role))
            self._console.print(f"{node.name}: {role}", markup=False)
        if node.failed:
            self._console.print(f"{node.name}: FAILED: {role}: {task}", markup=False)


class _Rows:
    """For terminals: a row per node that shows where it is."""

    def __init__(self, names: list[str], live: Live) -> None:
        self._live = live
        self._state = dict.fromkeys(names, ("", 0, 0, "waiting"))
        self._show()

    def started(self, node: str, role: str, task: str) -> None:
        earlier, tasks, changed, _ = self._state[node]
        self._state[node] = (earlier, tasks, changed, task)
        self._show()

    def finished(self, node: NodeReport, role: str, task: str) -> None:
        now = "[red]failed[/red]" if node.failed else task
        self._state[node.name] = (role, node.tasks, len(node.changed), now)
        self._show()

    def _show(self) -> None:
        table = Table("node", "role", "tasks", "changed", "now", box=None, pad_edge=False)
        for name, (role, tasks, changed, now) in self._state.items():
            table.add_row(name, role, str(tasks), str(changed), now)
        self._live.update(Group(table))


@contextmanager
def _progress(names: list[str], *, quiet: bool) -> Iterator[Progress]:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if quiet:
        yield _Silent()
    elif console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            yield _Rows(names, live)
    else:
        yield _Lines(console)


def _print_report(report: RunReport, console: Console) -> None:
    for node in report.nodes.values():
        outcome = "failed" if node.failed else f"{len(node.changed)} changes" if node.changed else "unchanged"
        console.print(f"{node.name}: {outcome} ({node.tasks} tasks)", markup=False)
        for change in node.changed if report.check else ():
            console.print(f"  would change {change}", markup=False)
        for failure in node.failures:
            console.print(f"  {failure.role or 'playbook'}: {failure.task}:", style="red", markup=False)
            console.print("    " + failure.message.replace("\n", "\n    "), markup=False)
    if report.message:
        console.print(report.message, style="red", markup=False)
    what = "checked" if report.check else "configured"
    verdict = "" if report.ok else ", with failures" if report.completed else ", not completed"
    many = "1 node" if len(report.nodes) == 1 else f"{len(report.nodes)} nodes"
    console.print(f"{many} {what} in {report.seconds:.0f} s{verdict}", markup=False)
