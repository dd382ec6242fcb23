"""Errors of the drills."""

from fleet.errors import MtafleetError


class DrillError(MtafleetError):
    """A drill cannot start or go on; says why and what to do."""
