"""Machines: a booted system with addresses of its own."""

from lab.ids import LabPaths
from lab.specs import MachineSpec, MachineState


def ensure(paths: LabPaths, spec: MachineSpec, timeout_seconds: float = 60.0) -> MachineState:
    """Boot the machine or adopt the running one; returns when ssh answers. Safe to call for several at once."""
    raise NotImplementedError


def read(paths: LabPaths, name: str) -> MachineState | None:
    """What is there now: None when never made, `running` false when it is dead."""
    raise NotImplementedError


def delete(paths: LabPaths, name: str) -> None:
    """Stop the machine in order and remove its network; its disk stays."""
    raise NotImplementedError


def kill(paths: LabPaths, name: str) -> None:
    """Power cut: SIGKILL to the machine's first process."""
    raise NotImplementedError


def stop(paths: LabPaths, name: str, timeout_seconds: float = 30.0) -> None:
    """Shut the machine down in order."""
    raise NotImplementedError


def start(paths: LabPaths, name: str, timeout_seconds: float = 60.0) -> MachineState:
    """Boot a dead machine again from the same disk."""
    raise NotImplementedError


def names(paths: LabPaths) -> list[str]:
    """All machines that were made, running or not."""
    raise NotImplementedError
