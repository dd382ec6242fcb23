"""Errors of the failover daemon.

MtafleetError
└── FailoverError
    ├── ConfigError        the daemon's configuration file is wrong
    ├── HaproxyError       the runtime socket is unreachable or refused an order
    ├── ZoneError          a primary did not answer, or refused an update
    │   └── ZoneConflict   another writer changed the answer first; observe again
    ├── StoreError         the shared store did not answer, or refused; what was asked for may have happened
    │   └── StoreConflict  another wrote first; nothing has happened
    ├── LookUpError        a name could not be looked up
    └── StatusError        the daemon's status socket cannot be read
"""

from fleet.errors import MtafleetError


class FailoverError(MtafleetError):
    """Anything that goes wrong in this room."""


class ConfigError(FailoverError):
    """The configuration file is wrong; says which key and what would be right."""


class HaproxyError(FailoverError):
    """The runtime socket is unreachable or refused an order."""


class ZoneError(FailoverError):
    """A primary did not answer in time, or refused an update."""


class ZoneConflict(ZoneError):  # noqa: N818  a conflict is the expected outcome of a race, not a fault
    """The answer is no longer what was observed: another writer came first."""


class StoreError(FailoverError):
    """The shared store did not answer in time, or refused: what was asked for may have happened or not."""


class StoreConflict(StoreError):  # noqa: N818  a conflict is the expected outcome of a race, not a fault
    """The comparison failed: nothing has happened."""


class StatusError(FailoverError):
    """The daemon's status socket cannot be read."""


class LookUpError(FailoverError):
    """The resolver gave no answer, or could not find one out."""
