"""What can go wrong with a lab.

LabError
├── HostError           this computer cannot run a lab: a tool or a right is missing
├── OwnershipError      the lab's folders belong to another checkout
├── ImageError          the machine image could not be built
├── CommandError        a system tool refused; carries its own words
├── ConflictError       something of that name exists already and is different
└── BootError           a machine was started and did not answer in time
"""

from fleet.errors import MtafleetError


class LabError(MtafleetError):
    """Anything the lab's machinery reports to a person."""


class HostError(LabError):
    pass


class OwnershipError(LabError):
    pass


class ImageError(LabError):
    pass


class CommandError(LabError):
    pass


class ConflictError(LabError):
    pass


class BootError(LabError):
    pass
