"""Replacing one machine through the engine, and nothing else of the stack."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cli.maintenance.errors import MaintenanceError
from cli.up import run_engine
from fleet.paths import project_root
from fleet.topology import Fleet
from infra.engine import engine_environment
from infra.engine.errors import EngineError
from infra.engine.stack import pulumi
from infra.engine.urns import find_urn
from infra.outputs import read_outputs
from infra.ssh import node_shells

MACHINE_TYPES = {"lab": "mtalab:index:Machine", "aws": "aws:ec2/instance:Instance"}
REPLACING = "mtafleet:replacing"
CONFIG_TIMEOUT_SECONDS = 60
BOOT_TIMEOUT_SECONDS = 300.0
BOOT_POLL_SECONDS = 5.0
UP = ("up", "--yes", "--skip-preview", "--suppress-outputs")


def replace_machine(fleet: Fleet, node: str) -> None:
    """Replace the machine of `node`, and what is bound to it; returns when the new one can be entered.

    On AWS the stack's config names it meanwhile, so that it takes the pinned image. Raises ProvisioningError
    when the engine fails, MaintenanceError when the machine never answers.
    """
    environment = fleet.environment.environment
    substrate = fleet.environment.substrate
    variables = engine_environment(environment)
    urn = find_urn(environment, MACHINE_TYPES[substrate], node, project_root(), variables)
    # A run that was killed between deletion and creation leaves no machine: then a plain `up` makes it.
    only = ["--target-replace", urn, "--target-dependents"] if urn else []
    if substrate == "lab":
        run_engine(environment, [*UP, *only])
        return
    with _named_in_config(environment, node, variables):
        run_engine(environment, [*UP, *only])
    _await_answer(environment, node)


@contextmanager
def _named_in_config(environment: str, node: str, variables: Mapping[str, str]) -> Iterator[None]:
    """`mtafleet:replacing` holds this node alone while the block lasts."""

    def config(*words: str) -> str:
        return pulumi(
            ["config", *words, "--stack", environment],
            project=project_root(),
            variables=variables,
            timeout_seconds=CONFIG_TIMEOUT_SECONDS,
        )

    try:
        before = config("get", REPLACING).strip()
    except EngineError:
        before = ""
    if before not in ("", "[]", f'["{node}"]'):
        raise MaintenanceError(
            f"{REPLACING} of {environment} is {before}: replace one node at a time; "
            f"`pulumi config rm {REPLACING} --stack {environment}` when nobody is at it"
        )
    config("set", "--path", f"{REPLACING}[0]", node)
    try:
        yield
    finally:
        config("rm", REPLACING)


def _await_answer(environment: str, node: str) -> None:
    outputs = read_outputs(environment)
    deadline = time.monotonic() + BOOT_TIMEOUT_SECONDS
    with node_shells(outputs) as shells:
        while not (reply := shells.ask_one(node, "true")).ok:
            if time.monotonic() >= deadline:
                raise MaintenanceError(
                    f"{node} does not answer {BOOT_TIMEOUT_SECONDS:.0f} s after it was made: {reply.problem}"
                )
            time.sleep(BOOT_POLL_SECONDS)
