"""What goes wrong in delivery's own files.

MtafleetError
├── StateError          what the brain remembered cannot be used
├── PlanError           the plan of delivery cannot be used
└── ProblemsError
    └── ScheduleError   the warm-up schedules are wrong
"""

from fleet.errors import MtafleetError
from fleet.problems import ProblemsError


class StateError(MtafleetError):
    """The file of what was counted or decided is malformed; without it delivery starts carefully anew."""


class PlanError(MtafleetError):
    """The plan of delivery is missing or malformed; the router then keeps the last good one."""


class ScheduleError(ProblemsError):
    """The warm-up schedules cannot be used as they are."""
