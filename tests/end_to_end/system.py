"""The whole system under test: this checkout's lab with its fleet, seen from outside and from inside."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from cli.labs.mail import list_queues, world_data
from cli.labs.target import LabTarget
from fleet.paths import project_root, state_directory
from fleet.spec.load import load_environment
from fleet.topology import Fleet, FleetNode
from infra.outputs import StackOutputs, read_outputs
from lab.api import LabPaths, faults, machine, netns, outer
from lab.mail.ledger import Queued
from lab.world import control, install
from lab.world.events import Event, read_events
from tests.infra.processes import await_end

NAME = "lab"
WORLD = "internet-1"
POLL_SECONDS = 0.25
#: What must happen may take so long: no promise, only the end of all hope. Figures tell how soon it did.
PATIENCE_SECONDS = 300.0
T = TypeVar("T")
R = TypeVar("R")


def await_that(what: str, holds: Callable[[], bool]) -> None:
    """Wait until `holds`; fails with `what` when it never comes true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(POLL_SECONDS)


def at_once(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`work` on all items at the same time, results in their order."""
    listed = list(items)
    with ThreadPoolExecutor(max_workers=max(1, min(64, len(listed)))) as pool:
        return list(pool.map(work, listed))


@dataclass(frozen=True)
class System:
    """One environment's fleet in its lab."""

    fleet: Fleet
    paths: LabPaths

    @classmethod
    def of_this_checkout(cls) -> "System":
        return cls(Fleet.of(load_environment(NAME)), LabPaths.of(NAME, project_root()))

    @property
    def is_up(self) -> bool:
        return outer.find(self.paths) is not None

    @property
    def exists(self) -> bool:
        """Whether anything of it is there, running or not."""
        return self.is_up or self.paths.state.exists() or self.paths.run.exists()

    @property
    def state(self) -> Path:
        """What the operator's machine keeps about it."""
        return state_directory(NAME)

    @cached_property
    def outputs(self) -> StackOutputs:
        return read_outputs(NAME)

    @property
    def world(self) -> Path:
        """The world's data directory."""
        return world_data(self.paths)

    def others(self, *names: str) -> list[FleetNode]:
        """The MTA nodes that are not among `names`."""
        return [node for node in self.fleet.mta_nodes if node.name not in names]

    def network(self, machine_name: str) -> Path:
        """A machine's network, for `netns.opened_in`."""
        return netns.machine_network(self.paths, machine_name)

    def inside(self, node: str, *command: str, stdin: str = "") -> str:
        """Run a command on a machine, by a way that needs neither its network nor SSH."""
        entry = machine.entry(self.paths, node, command)
        done = subprocess.run(entry, input=stdin, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, f"{node}: {command}: {done.returncode}: {done.stderr}"
        return done.stdout

    def found(self, node: str, *command: str, stdin: str = "") -> str:
        """As `inside`, for commands that say with status 1 that there is nothing."""
        entry = machine.entry(self.paths, node, command)
        done = subprocess.run(entry, input=stdin, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode in (0, 1, 2), f"{node}: {command}: {done.returncode}: {done.stderr}"
        return done.stdout

    def daemon(self, node: str) -> dict[str, Any]:
        """What a node's failover daemon says."""
        status: dict[str, Any] = json.loads(self.inside(node, "mtafleet-failover", "status", "--json"))
        return status

    def troubles(self) -> list[str]:
        """What keeps the fleet from its steady state, as drills see it."""
        return list(LabTarget(self.fleet.environment, self.paths, self._password).troubles())

    def await_steady(self) -> None:
        """Wait until every node is in service everywhere."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while troubles := self.troubles():
            assert time.monotonic() < deadline, f"still not steady: {troubles}"
            time.sleep(POLL_SECONDS)

    def queued(self) -> list[Queued]:
        """All that waits in the queues of nodes that run."""
        return list(list_queues(self.fleet.environment, self.paths).queued)

    def flush(self) -> None:
        """Have every node try all its queued mail now."""
        names = [node.name for node in self.fleet.mta_nodes]
        at_once(lambda name: self.inside(name, "postmulti", "-g", "mtafleet", "-x", "postqueue", "-f"), names)

    def events(self) -> list[Event]:
        """All that the simulated providers have seen."""
        return list(read_events(self.world / install.EVENTS))

    def order_world(self, **order: object) -> None:
        """Give the simulated providers an order, or `ask="clear"`."""
        control.ask(self.world / install.CONTROL_SOCKET, order)

    def heal(self) -> None:
        """Undo faults and orders, when there is something to undo them in."""
        if self.is_up:
            faults.heal_all(self.paths)

    def await_no_process(self) -> None:
        """Wait for every process of this computer that was started for this stack, outside the lab itself."""
        await_end(f"PULUMI_HOME={self.state / 'pulumi'}")

    def _password(self, user: str) -> str:
        return self.outputs.secrets.users[user].get_secret_value()
