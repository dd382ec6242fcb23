"""Replacing one machine through the engine, and nothing else of the stack."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from cli.aws import up_on_aws
from cli.maintenance.errors import MaintenanceError
from cli.maintenance.journal import Journal
from cli.recovery import take_up
from cli.recovery_options import Consent
from cli.runs import alone
from cli.up import run_engine
from fleet.paths import project_root
from fleet.topology import Fleet
from infra.aws_stack import AwsStack
from infra.engine import engine_environment
from infra.engine.errors import EngineError
from infra.engine.urns import find_urn, resource_in
from infra.outputs import read_outputs
from infra.recovery.chosen import LeftOut
from infra.ssh import node_shells

MACHINE_TYPES = {"lab": "mtalab:index:Machine", "aws": "aws:ec2/instance:Instance"}
REPLACING = "mtafleet:replacing"
BOOT_TIMEOUT_SECONDS = 300.0
BOOT_POLL_SECONDS = 5.0


def replace_machine(fleet: Fleet, journal: Journal, *, again: bool = False) -> None:
    """Replace the journal's machine, and what is bound to it; returns when the new one can be entered.

    On AWS the stack's config names it meanwhile, so that it takes the pinned image, and the plan is judged as
    for every `up`. A machine that this replacement has made already is only waited for, unless `again` asks
    for another. Raises ProvisioningError when the engine fails, MaintenanceError when the machine never
    answers.
    """
    if fleet.environment.substrate == "lab":
        _in_lab(fleet.environment.environment, journal.node)
        return
    stack = AwsStack.of(fleet.environment, "fleet")
    if again or not journal.made or _machine_of(stack, journal.node).id != journal.made:
        _on_aws(fleet, stack, journal)
    else:
        click.echo(f"{journal.node}: {journal.made} was made in its place before", err=True)
    _await_answer(stack.name, journal.node)


def _on_aws(fleet: Fleet, stack: AwsStack, journal: Journal) -> None:
    """Have the engine replace the machine, or finish a replacement that a killed run had begun."""
    node = journal.node
    # Of other regions nothing is touched: what is pending there may wait, should their API be down.
    consent = Consent().leaving_out(LeftOut(only=fleet.node(node).site))
    with alone(fleet.environment.environment, "up"):
        adopted = take_up(stack, consent, "replace")
    machine = _machine_of(stack, node)
    urn = machine.urn
    # A killed run had deleted the old machine or made a new one: a plain `up` of every region does the rest.
    made = urn in adopted or (bool(journal.machines) and machine.id not in journal.machines)
    if made or not urn:
        urn, consent = "", Consent()
    if not journal.machines:
        journal.note_machine(machine.id if urn else "")
    with _named_in_config(stack, node):
        up_on_aws(fleet.environment, "fleet", _only(urn), drop_nodes=False, consent=consent)
    journal.note_machine(_machine_of(stack, node).id)


@dataclass(frozen=True)
class _Machine:
    """What the state has of a node's machine; empty when it has none."""

    urn: str = ""
    id: str = ""


def _machine_of(stack: AwsStack, node: str) -> _Machine:
    found = resource_in(stack.call(["stack", "export"]), MACHINE_TYPES["aws"], node)
    return _Machine() if found is None else _Machine(str(found["urn"]), str(found.get("id", "")))


def _in_lab(environment: str, node: str) -> None:
    variables = engine_environment(environment)
    urn = find_urn(environment, MACHINE_TYPES["lab"], node, project_root(), variables)
    run_engine(environment, ["up", "--yes", "--skip-preview", "--suppress-outputs", *_only(urn)])


def _only(urn: str | None) -> list[str]:
    """Without a URN a run was killed between deletion and creation: a plain `up` makes the machine."""
    return ["--target-replace", urn, "--target-dependents"] if urn else []


@contextmanager
def _named_in_config(stack: AwsStack, node: str) -> Iterator[None]:
    """`mtafleet:replacing` holds this node alone while the block lasts."""
    try:
        before = stack.call(["config", "get", REPLACING]).strip()
    except EngineError:
        before = ""
    if before not in ("", "[]", f'["{node}"]'):
        raise MaintenanceError(
            f"{REPLACING} of {stack.name} is {before}: replace one node at a time; "
            f"`pulumi config rm {REPLACING} --stack {stack.name}` when nobody is at it"
        )
    stack.call(["config", "set", "--path", f"{REPLACING}[0]", node])
    try:
        yield
    finally:
        stack.call(["config", "rm", REPLACING])


def _await_answer(environment: str, node: str) -> None:
    outputs = read_outputs(environment, substrate="aws")
    deadline = time.monotonic() + BOOT_TIMEOUT_SECONDS
    with node_shells(outputs) as shells:
        while not (reply := shells.ask_one(node, "true")).ok:
            if time.monotonic() >= deadline:
                raise MaintenanceError(
                    f"{node} does not answer within {BOOT_TIMEOUT_SECONDS:.0f} s of its making: "
                    f"{reply.problem}. The same command waits for it anew; --again has another machine made"
                )
            time.sleep(BOOT_POLL_SECONDS)
