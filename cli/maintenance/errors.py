"""What stops maintenance."""

from fleet.errors import MtafleetError


class MaintenanceError(MtafleetError):
    """A node cannot be taken out of service, or replaced, as things are; says why."""
