"""The part of the configuration that says how far and how fast the daemon may go: the key `safety`.

    {"answer_floor_percent", "most_ejected_percent", "eject_regions": true,
     "hold_down": {"base_seconds", "most_seconds", "window_seconds", "budget"},
     "slow_return": {"weights_percent": [10, 50], "step_milliseconds"},
     "capacity": {"transactional": {"messages_per_hour": {"east-1": 20000, ...},
                                    "peak_messages_per_hour": 30000}, ...}}

A pool that `capacity` does not name is not reckoned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from failover.decide import Capacity, HoldDown, SlowReturn
from failover.errors import ConfigError
from failover.fields import Fields, whole

_MOST_SECONDS = 86_400
_MOST_MESSAGES = 10**9


@dataclass(frozen=True, slots=True)
class Safety:
    """See `failover.decide.Policy`; as it stands nothing is held back."""

    answer_floor_percent: int = 0
    most_ejected_percent: int = 100
    eject_regions: bool = True
    hold_down: HoldDown = field(default_factory=HoldDown)
    slow_return: SlowReturn = field(default_factory=SlowReturn)
    capacity: Mapping[str, Capacity] = field(default_factory=dict)


def read_safety(fields: Fields) -> Safety:
    """The object under `safety`; ConfigError names the key that is wrong."""
    safety = Safety(
        answer_floor_percent=fields.whole("answer_floor_percent", 1, 100),
        most_ejected_percent=fields.whole("most_ejected_percent", 1, 100),
        eject_regions=fields.truth("eject_regions"),
        hold_down=_hold_down(fields.inner("hold_down")),
        slow_return=_slow_return(fields.inner("slow_return")),
        capacity=fields.mapping("capacity", _capacity),
    )
    fields.done()
    return safety


def _hold_down(fields: Fields) -> HoldDown:
    rules = HoldDown(
        base_seconds=fields.whole("base_seconds", 0, _MOST_SECONDS),
        most_seconds=fields.whole("most_seconds", 0, _MOST_SECONDS),
        window_seconds=fields.whole("window_seconds", 1, _MOST_SECONDS),
        budget=fields.whole("budget", 1, 10_000),
    )
    fields.done()
    return rules


def _slow_return(fields: Fields) -> SlowReturn:
    where = fields.at("weights_percent")
    weights = tuple(whole(one, where, 1, 99) for one in fields.items("weights_percent"))
    if list(weights) != sorted(set(weights)):
        raise ConfigError(f"{where}: expected each share to be larger than the one before it")
    rules = SlowReturn(weights, fields.seconds("step_milliseconds", 100, 3_600_000))
    fields.done()
    return rules


def _capacity(value: object, path: str) -> Capacity:
    fields = Fields(value, path)
    capacity = Capacity(
        fields.mapping("messages_per_hour", lambda one, where: whole(one, where, 0, _MOST_MESSAGES)),
        fields.whole("peak_messages_per_hour", 1, _MOST_MESSAGES),
    )
    fields.done()
    return capacity
