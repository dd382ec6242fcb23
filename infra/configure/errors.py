"""What can go wrong before any node is touched."""

from fleet.errors import MtafleetError


class ConfigureError(MtafleetError):
    """Configuration cannot start: something on the operator's machine is missing."""
