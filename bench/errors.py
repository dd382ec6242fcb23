"""What can go wrong with a benchmark."""

from fleet.errors import MtafleetError


class BenchError(MtafleetError):
    """A benchmark cannot be run here and now, or its figures would mean nothing."""
