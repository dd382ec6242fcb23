"""What goes wrong in the router's room.

MtafleetError
└── RouterError
    ├── SettingsError     the settings file is missing or malformed
    ├── PlanFileError     the plan file is malformed; the last good plan holds
    └── ProtocolError     somebody on the socket speaks no socketmap
"""

from fleet.errors import MtafleetError


class RouterError(MtafleetError):
    """Anything that goes wrong in this room."""


class SettingsError(RouterError):
    """The settings cannot be used as they are."""


class PlanFileError(RouterError):
    """The plan cannot be used as it is."""


class ProtocolError(RouterError):
    """What arrived is no socketmap request or reply."""
