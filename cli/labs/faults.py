"""The drills' faults, carried out on the machines of a lab."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from drills.errors import DrillError
from drills.protocols import Fault, FaultKind
from fleet.topology import Fleet
from lab.api import LabPaths, faults, machine

POSTFIX_UNITS = "postfix*"
HAPROXY_UNIT = "haproxy.service"
KNOT_UNIT = "knot.service"
NATS_UNIT = "nats-server.service"
DAEMON_UNIT = "mtafleet-failover.service"
START_POSTFIX = (
    "sh",
    "-c",
    "cd /etc/systemd/system/multi-user.target.wants && exec systemctl start postfix@*.service",
)
"""Those that are enabled: a stopped instance that was never started is no unit by itself."""
WHOLE_STORE = "store"
COMMAND_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class LabFault:
    """One fault as a pair of calls; healing it twice, or when nothing is broken, does nothing."""

    break_it: Callable[[], object]
    mend_it: Callable[[], object]

    def inject(self) -> float:
        began_at = time.time()
        self.break_it()
        return began_at

    def heal(self) -> float:
        self.mend_it()
        return time.time()


def possible_victims(fleet: Fleet, kind: FaultKind) -> Sequence[str]:
    """What a fault of `kind` may hit."""
    match kind:
        case "region":
            return list(fleet.environment.regions)
        case "name server":
            return [node.name for node in fleet.name_servers]
        case "store server":
            return [node.name for node in fleet.store_nodes]
        case "store quorum":
            return [WHOLE_STORE]
    return [node.name for node in fleet.mta_nodes]


def nodes_hit(fleet: Fleet, kind: FaultKind, victim: str) -> Sequence[str]:
    """The nodes that the fault is carried out on."""
    if kind == "region":
        return [node.name for node in fleet.mta_nodes if node.site == victim]
    if kind == "store quorum":
        servers = [node.name for node in fleet.store_nodes]
        return servers[: len(servers) // 2 + 1]
    return [victim]


def lab_fault(paths: LabPaths, fleet: Fleet, kind: FaultKind, victim: str) -> Fault:
    """The fault `kind` of `victim` in one lab."""
    if kind in _ON_UNITS:
        break_by, mend_by = _ON_UNITS[kind]
        return _by_commands(paths, nodes_hit(fleet, kind, victim), break_by, mend_by)
    break_it, mend_it = _ON_MACHINES[kind]
    return LabFault(lambda: break_it(paths, victim), lambda: mend_it(paths, victim))


def _by_commands(
    paths: LabPaths, nodes: Sequence[str], break_by: Sequence[str], mend_by: Sequence[str]
) -> Fault:
    def on_all(command: Sequence[str]) -> None:
        for node in nodes:
            _run_inside(paths, node, command)

    return LabFault(lambda: on_all(break_by), lambda: on_all(mend_by))


def _run_inside(paths: LabPaths, node: str, command: Sequence[str]) -> None:
    done = subprocess.run(
        machine.entry(paths, node, command),
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise DrillError(f"{node}: {' '.join(command)} failed: {done.stderr.strip()}")


def _boot_if_dead(paths: LabPaths, victim: str) -> None:
    state = machine.read(paths, victim)
    if state is None or not state.running:
        machine.start(paths, victim)


def _stopped(unit: str) -> tuple[Sequence[str], Sequence[str]]:
    return ("systemctl", "stop", unit), ("systemctl", "start", unit)


_ON_MACHINES: Mapping[FaultKind, tuple[Callable[[LabPaths, str], object], Callable[[LabPaths, str], object]]]
_ON_MACHINES = {
    "crash": (machine.kill, _boot_if_dead),
    "blackhole": (faults.blackhole, faults.heal),
    "mute": (faults.mute, faults.heal),
    "region": (faults.cut_region, faults.heal_region),
    "hang": (partial(faults.freeze, unit=POSTFIX_UNITS), partial(faults.thaw, unit=POSTFIX_UNITS)),
    "daemon hung": (partial(faults.freeze, unit=DAEMON_UNIT), partial(faults.thaw, unit=DAEMON_UNIT)),
}
_ON_UNITS: Mapping[FaultKind, tuple[Sequence[str], Sequence[str]]] = {
    "refuse": (("systemctl", "stop", "postfix@*.service"), START_POSTFIX),
    "door": _stopped(HAPROXY_UNIT),
    "name server": _stopped(KNOT_UNIT),
    "store server": _stopped(NATS_UNIT),
    "store quorum": _stopped(NATS_UNIT),
    "daemon killed": (
        ("systemctl", "kill", "--signal=KILL", DAEMON_UNIT),
        ("systemctl", "start", DAEMON_UNIT),
    ),
}
