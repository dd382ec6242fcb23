"""The drills' faults, carried out on lab machines."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from drills.protocols import Fault, FaultKind
from lab.api import LabPaths, faults, machine

POSTFIX_UNITS = "postfix*"


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


def lab_fault(paths: LabPaths, kind: FaultKind, victim: str) -> Fault:
    """The fault `kind` on the machine `victim` of one lab."""
    if kind == "crash":
        return LabFault(lambda: machine.kill(paths, victim), lambda: _boot_if_dead(paths, victim))
    if kind == "blackhole":
        return LabFault(lambda: faults.blackhole(paths, victim), lambda: faults.heal(paths, victim))
    return LabFault(
        lambda: faults.freeze(paths, victim, POSTFIX_UNITS), lambda: faults.thaw(paths, victim, POSTFIX_UNITS)
    )


def _boot_if_dead(paths: LabPaths, victim: str) -> None:
    state = machine.read(paths, victim)
    if state is None or not state.running:
        machine.start(paths, victim)
