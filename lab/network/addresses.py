"""Further addresses of machines, given and taken while they run."""

from lab import records
from lab.errors import ConflictError
from lab.ids import LabPaths
from lab.locks import held
from lab.network import cables, namespaces, plan, sites
from lab.outer import namespace
from lab.outer.namespace import Outer
from lab.specs import AddressSpec, AddressState


def ensure(paths: LabPaths, spec: AddressSpec) -> AddressState:
    """Give a machine the address; it may be running or not, but must have been made."""
    outer = namespace.require(paths)
    with held(paths.locks / f"machine-{spec.machine}"):
        note = records.read(outer, "machines", spec.machine)
        if note is None or not cables.connected(outer, spec.machine):
            raise ConflictError(
                f"there is no machine {spec.machine} to give {spec.address} to; make it first"
            )
        if not _has(outer, spec.machine, spec.address):
            length = plan.prefix_length(sites.require(outer, note["site"]).network)
            command = f"addr add {spec.address}/{length} dev {plan.MACHINE_DEVICE}"
            namespaces.configure(outer, plan.machine_namespace(spec.machine), [command])
    return AddressState(spec.machine, spec.address)


def read(paths: LabPaths, machine: str, address: str) -> AddressState | None:
    """Whether the machine has the address now."""
    outer = namespace.find(paths)
    if outer is None or not cables.connected(outer, machine) or not _has(outer, machine, address):
        return None
    return AddressState(machine, address)


def delete(paths: LabPaths, machine: str, address: str) -> None:
    """Take the address away; nothing happens when the machine has it not."""
    outer = namespace.find(paths)
    if outer is None or not cables.connected(outer, machine):
        return
    with held(paths.locks / f"machine-{machine}"):
        for present in _present(outer, machine):
            if present.split("/")[0] == address:
                command = f"addr del {present} dev {plan.MACHINE_DEVICE}"
                namespaces.configure(outer, plan.machine_namespace(machine), [command])


def _has(outer: Outer, machine: str, address: str) -> bool:
    return any(present.split("/")[0] == address for present in _present(outer, machine))


def _present(outer: Outer, machine: str) -> list[str]:
    """The machine's addresses with their prefix lengths, as `ip` prints them."""
    command = ["ip", "-brief", "-4", "address", "show", "dev", plan.MACHINE_DEVICE]
    words = namespace.run(outer, command, network=plan.machine_namespace(machine)).split()
    return words[2:]
