"""What can go wrong with the Pulumi engine, in words for the person who has to mend it."""

from fleet.errors import MtafleetError

__all__ = ["EngineError"]


class EngineError(MtafleetError):
    """The Pulumi engine is missing, too old, or refused an order."""
