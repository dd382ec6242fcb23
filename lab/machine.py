"""Machines: a booted system with addresses of its own.

Whether a machine runs is asked of the kernel each time: it runs while its cgroup has processes.
"""

import os
import signal
from collections.abc import Sequence

from lab import boot, cgroups, disk, host, records
from lab.errors import ConflictError
from lab.ids import LabPaths
from lab.locks import held
from lab.network import cables, sites
from lab.outer import namespace
from lab.outer.namespace import Outer
from lab.processes import ProcessId, namespace_pids
from lab.specs import MachineSpec, MachineState, from_json, to_json

KIND = "machines"
BOOT_TIMEOUT_SECONDS = 180.0  # seconds on a quiet computer, minutes on one that runs much else
_KILL_TIMEOUT_SECONDS = 60.0
_POWER_OFF = signal.SIGRTMIN + 4  # what systemd as a first process takes for "power off"


def ensure(paths: LabPaths, spec: MachineSpec, timeout_seconds: float = BOOT_TIMEOUT_SECONDS) -> MachineState:
    """Boot the machine or adopt the running one; returns when ssh answers.

    Several machines may be ensured at once, from threads or processes. ConflictError when the
    machine runs with another spec, or its disk or site is missing; BootError after the timeout.
    """
    outer = namespace.ensure(paths)
    with held(paths.locks / f"machine-{spec.name}"):
        image = _require_disk(paths, spec)
        site = sites.require(outer, spec.site)
        present = _spec(outer, spec.name)
        running = is_running(paths, spec.name)
        if running and present != spec:
            raise ConflictError(
                f"machine {spec.name} runs with other settings than asked for; delete it first"
            )
        if present != spec or not cables.connected(outer, spec.name):
            records.remove(outer, KIND, spec.name)
            cables.connect(outer, spec.name, site, spec.addresses)
            records.write(outer, KIND, spec.name, to_json(spec))
        if not running:
            cables.plug(outer, spec.name, spec.site)
            boot.start(paths, outer, spec, image)
    boot.wait_until_ready(paths, outer, spec, timeout_seconds)
    return _state(paths, spec)


def read(paths: LabPaths, name: str) -> MachineState | None:
    """What is there now: None when never made in this life of the lab, `running` false when it is dead."""
    outer = namespace.find(paths)
    spec = None if outer is None else _spec(outer, name)
    return None if spec is None else _state(paths, spec)


def delete(paths: LabPaths, name: str) -> None:
    """Shut the machine down in order and remove its network; its disk stays."""
    outer = namespace.find(paths)
    if outer is None:
        return
    stop(paths, name, timeout_seconds=10.0)
    with held(paths.locks / f"machine-{name}"):
        cables.disconnect(outer, name)
        cgroups.remove(f"{cgroups.PARENT}/{paths.lab}/machines/{name}")
        records.remove(outer, KIND, name)


def kill(paths: LabPaths, name: str) -> None:
    """Power cut: the cable goes dead, and SIGKILL to the first process takes all others with it.

    Without the cable the kernel, which lives on, would end the machine's connections with resets, and answer
    for ports whose processes are dying; a machine without power does neither.
    """
    outer = namespace.require(paths)
    group = cgroups.of_machine(paths, name)
    first = leader(paths, name)
    if (spec := _spec(outer, name)) is not None and cables.connected(outer, name):
        cables.pull(outer, name, spec.site)
    if first is not None:
        first.send(signal.SIGKILL)
    if first is None or not cgroups.wait_empty(group, _KILL_TIMEOUT_SECONDS):
        cgroups.kill(group)
    boot.release(outer, name)


def stop(paths: LabPaths, name: str, timeout_seconds: float = 30.0) -> None:
    """Shut the machine down in order; a power cut when that takes longer than the timeout."""
    outer = namespace.require(paths)
    first = leader(paths, name)
    ended = first is not None and first.send(_POWER_OFF)
    if not ended or not cgroups.wait_empty(cgroups.of_machine(paths, name), timeout_seconds):
        kill(paths, name)
    boot.release(outer, name)


def start(paths: LabPaths, name: str, timeout_seconds: float = BOOT_TIMEOUT_SECONDS) -> MachineState:
    """Boot a dead machine again, from the same disk and with the same addresses."""
    outer = namespace.require(paths)
    return ensure(paths, require(outer, name), timeout_seconds)


def names(paths: LabPaths) -> list[str]:
    """All machines that were made, running or not."""
    outer = namespace.find(paths)
    return [] if outer is None else records.names(outer, KIND)


def require(outer: Outer, name: str) -> MachineSpec:
    """The spec of a machine that was made, else ConflictError."""
    spec = _spec(outer, name)
    if spec is None:
        known = ", ".join(records.names(outer, KIND)) or "none"
        raise ConflictError(f"there is no machine {name} in the lab; there are: {known}")
    return spec


def entry(paths: LabPaths, name: str, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` inside the machine, whatever its network does.

    ConflictError when the machine does not run.
    """
    require(namespace.require(paths), name)
    first = leader(paths, name)
    if first is None:
        raise ConflictError(f"machine {name} is not running; bring the lab up again to boot it")
    inside = ["env", "-i", *(f"{key}={value}" for key, value in _shell_environment().items()), *command]
    places = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")
    return ["nsenter", f"--target={first.pid}", *places, "--", *inside]


def _shell_environment() -> dict[str, str]:
    return {**host.tool_environment(), "LANG": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb")}


def is_running(paths: LabPaths, name: str) -> bool:
    return cgroups.populated(cgroups.of_machine(paths, name))


def leader(paths: LabPaths, name: str) -> ProcessId | None:
    """The machine's first process; None when it is dead or has only begun to boot."""
    payload = cgroups.of_machine(paths, name) / "payload"
    for group in (payload / "init.scope", payload):
        for pid in cgroups.direct_process_ids(group):
            if namespace_pids(pid)[-1:] == (1,):
                return ProcessId.of(pid)
    return None


def _require_disk(paths: LabPaths, spec: MachineSpec) -> str:
    """The id of the image below the machine's disk."""
    state = disk.read(paths, spec.disk)
    if state is None:
        raise ConflictError(f"machine {spec.name}: there is no disk {spec.disk}; make it first")
    return state.image


def _spec(outer: Outer, name: str) -> MachineSpec | None:
    data = records.read(outer, KIND, name)
    return None if data is None else from_json(MachineSpec, data)


def _state(paths: LabPaths, spec: MachineSpec) -> MachineState:
    first = leader(paths, spec.name)
    return MachineState(
        name=spec.name,
        disk=spec.disk,
        site=spec.site,
        addresses=spec.addresses,
        running=is_running(paths, spec.name),
        boot=f"{first.pid}.{first.start_ticks}" if first else None,
    )
