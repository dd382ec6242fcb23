"""Errors of handing mail over.

FailoverError
└── HandOverError     the hand-over as a whole must stop
    ├── PeerError     a peer takes nothing now: another one may
    └── Unfit         one message cannot be handed over; it stays where it is
"""

from failover.errors import FailoverError


class HandOverError(FailoverError):
    """The hand-over cannot begin, or must not go on."""


class PeerError(HandOverError):
    """A peer cannot be reached, is not who it should be, or takes no mail now."""


class Unfit(HandOverError):  # noqa: N818  nothing went wrong
    """This message stays."""
