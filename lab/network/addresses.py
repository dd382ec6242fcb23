"""Further addresses of machines."""

from lab.ids import LabPaths
from lab.specs import AddressSpec, AddressState


def ensure(paths: LabPaths, spec: AddressSpec) -> AddressState:
    """Give a machine the address; it may be running or not, but must have been made."""
    raise NotImplementedError


def read(paths: LabPaths, machine: str, address: str) -> AddressState | None:
    """Whether the machine has the address now."""
    raise NotImplementedError


def delete(paths: LabPaths, machine: str, address: str) -> None:
    """Take the address away."""
    raise NotImplementedError
