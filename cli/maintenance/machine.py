"""Replacing one machine through the engine, and nothing else of the stack."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from cli.aws import up_on_aws
from cli.maintenance.errors import MaintenanceError
from cli.recovery import take_up
from cli.recovery_options import Consent
from cli.runs import alone
from cli.up import run_engine
from fleet.paths import project_root
from fleet.topology import Fleet
from infra.aws_stack import AwsStack
from infra.engine import engine_environment
from infra.engine.errors import EngineError
from infra.engine.urns import find_urn, urn_in
from infra.outputs import read_outputs
from infra.recovery.chosen import LeftOut
from infra.ssh import node_shells

MACHINE_TYPES = {"lab": "mtalab:index:Machine", "aws": "aws:ec2/instance:Instance"}
REPLACING = "mtafleet:replacing"
BOOT_TIMEOUT_SECONDS = 300.0
BOOT_POLL_SECONDS = 5.0


def replace_machine(fleet: Fleet, node: str) -> None:
    """Replace the machine of `node`, and what is bound to it; returns when the new one can be entered.

    On AWS the stack's config names it meanwhile, so that it takes the pinned image, and the plan is judged as
    for every `up`. Raises ProvisioningError when the engine fails, MaintenanceError when the machine never
    answers.
    """
    if fleet.environment.substrate == "lab":
        _in_lab(fleet.environment.environment, node)
        return
    stack = AwsStack.of(fleet.environment, "fleet")
    # Of other regions nothing is touched: what is pending there may wait, should their API be down.
    consent = Consent().leaving_out(LeftOut(only=fleet.node(node).site))
    with alone(fleet.environment.environment, "up"):
        adopted = take_up(stack, consent, "replace")
    urn = urn_in(stack.call(["stack", "export"]), MACHINE_TYPES["aws"], node)
    if urn in adopted:
        urn = None  # a killed run had made the new machine already
    if urn is None:
        consent = Consent()  # a plain `up`, of every region
    with _named_in_config(stack, node):
        up_on_aws(fleet.environment, "fleet", _only(urn), drop_nodes=False, consent=consent)
    _await_answer(stack.name, node)


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
                    f"{node} does not answer {BOOT_TIMEOUT_SECONDS:.0f} s after it was made: {reply.problem}"
                )
            time.sleep(BOOT_POLL_SECONDS)
