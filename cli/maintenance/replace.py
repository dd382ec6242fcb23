"""`mtafleet replace NAME NODE`: one machine anew, its queue and its addresses kept."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import click

from cli.maintenance.drain import DEFAULT_SPAN, DEFAULT_TIMEOUT, fleet_with, tell
from cli.maintenance.durations import Duration
from cli.maintenance.errors import MaintenanceError
from cli.maintenance.journal import Journal, open_journal
from cli.maintenance.machine import replace_machine
from cli.maintenance.records import record
from cli.runs import INTERRUPTED_STATUS, alone

Step = tuple[str, str, Callable[[], None]]
"""A step's name, what it does, and how."""


class Interrupted(Exception):  # noqa: N818  not an error: somebody asked for it
    """A step was interrupted."""


@click.command()
@click.argument("environment")
@click.argument("node")
@click.option("--reason", default="its machine is replaced", show_default=True, help="Why.")
@click.option("--for", "span", type=Duration(), default=DEFAULT_SPAN, help="Longest time out [default: 2h].")
@click.option(
    "--timeout", type=Duration(), default=DEFAULT_TIMEOUT, help="For its mail to leave [default: 10m]."
)
@click.option(
    "--again", is_flag=True, help="On AWS: the machine that an unfinished run has made is replaced, too."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done and whether it may be; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def replace(
    environment: str,
    node: str,
    reason: str,
    span: timedelta,
    timeout: timedelta,
    *,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Drain NODE, replace its machine, configure it, and put it back into service.

    The disk with its queue and its addresses stay. Refuses while another node is out of service, or when NODE
    cannot be drained. A run that failed or was killed is taken up by repeating the command.
    """
    fleet = fleet_with(environment, node)
    drain = ["drain", environment, node, "--alone", "--reason", reason]
    drain += ["--for", _spelt(span), "--timeout", _spelt(timeout)]
    with alone(environment, "replace"):
        journal = open_journal(environment, node)
        if again:
            journal.discard_machine()
        steps: list[Step] = [
            ("drain", "take it out of service; its mail leaves", lambda: _run(drain)),
            ("machine", "replace its machine", lambda: replace_machine(fleet, journal, again=again)),
            ("configure", "configure it", lambda: _run(["configure", environment, "--limit", node])),
            ("undrain", "put it back into service", lambda: _run(["undrain", environment, node])),
        ]
        for name, what, _ in steps:
            tell(f"{node}: {what}{'' if journal.needs(name, span) else ' (done before)'}")
        if dry_run:
            if journal.needs("drain", span):
                _run([*drain, "--dry-run"])
            return
        began = time.monotonic()
        _go_through(environment, journal, steps, span)
        seconds = round(time.monotonic() - began, 1)
    if as_json:
        click.echo(
            json.dumps({"node": node, "outcome": "replaced", "seconds": seconds, "steps": journal.done})
        )
    else:
        click.echo(f"{node} is replaced and in service again after {seconds:.0f} s")


def _go_through(environment: str, journal: Journal, steps: Sequence[Step], span: timedelta) -> None:
    """The steps that are not done yet, each recorded when it is."""
    for name, what, work in steps:
        if not journal.needs(name, span):
            continue
        tell(f"--- {journal.node}: {what}")
        if name != "drain":  # until then nothing has been done that would have to be taken up
            journal.start(name)
        try:
            work()
        except (Interrupted, KeyboardInterrupt):
            record(environment, "replace", journal.node, "interrupted", step=name)
            tell(f"interrupted: `mtafleet replace {environment} {journal.node}` takes it up again")
            sys.exit(INTERRUPTED_STATUS)
        except Exception as error:
            record(environment, "replace", journal.node, "failed", step=name, why=str(error))
            raise
        journal.finish(name)
        record(environment, "replace", journal.node, f"{name} done")
    journal.close()
    record(environment, "replace", journal.node, "replaced")


def _run(arguments: Sequence[str]) -> None:
    """Run `mtafleet` as a process of its own: a lab's network is entered for good.

    Its output goes to stderr, so that `--json` prints one thing. MaintenanceError when it fails.
    """
    command = [sys.executable, "-c", "from cli.main import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=sys.stderr.fileno())
    while True:
        try:
            status = process.wait()
            break
        except KeyboardInterrupt:
            continue  # the child got it too, and ends in order
    if status == INTERRUPTED_STATUS:
        raise Interrupted
    if status != 0:
        raise MaintenanceError(
            f"`mtafleet {arguments[0]}` failed with exit status {status}, the reason stands above; "
            "repeat the command to go on from there, or `mtafleet undrain`"
        )


def _spelt(span: timedelta) -> str:
    return f"{int(span.total_seconds())}s"
