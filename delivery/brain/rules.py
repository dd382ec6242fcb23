"""The figures decisions are made by. Each says where it is from; `estimate` is our own careful one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Temperament = Literal["reactive", "tolerant", "manual", "ordinary"]

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class ThrottleRules:
    """How a pace falls and rises."""

    least_attempts: int = 20
    """Fewer say nothing, unless the step allows so few that it would take too long. Estimate."""
    least_pressure: int = 3
    """Refusals about pace or name before a pace is lowered: two may be one spool's accident. Estimate."""
    window_minutes: int = 15
    """How far back refusals count. Estimate: a queue's shortest retry, so that no refusal counts twice."""
    pressure_share: Mapping[Temperament, float] = field(
        default_factory=lambda: {"reactive": 0.03, "tolerant": 0.10, "manual": 0.02, "ordinary": 0.05}
    )
    """Share of refusals from which on a pace falls, by temperament. Estimate; the order is that of the
    requirements: Gmail and Microsoft react fastest, Yahoo tolerates, who blocks by hand forgives least."""
    calm_share: float = 0.01
    """Share up to which the last hour counts as calm: well below, so that a pace does not swing. Estimate."""
    decrease_factor: float = 0.5
    """As TCP does on congestion (RFC 5681)."""
    increase_share: float = 0.05
    """Of the cap, an hour: from half to full takes ten hours. Estimate."""
    lower_every_seconds: float = 60.0
    """Momentum: at most one adjustment a minute."""
    raise_every_seconds: float = HOUR_SECONDS
    """Momentum: upward only once an hour."""
    start_share: float = 0.25
    """Of the cap, for a path without recent history. Estimate."""
    idle_seconds: float = 3 * DAY_SECONDS
    """Without an attempt for so long a path starts carefully. Estimate."""
    suspended_share: float = 0.25
    """Of the pace before, after a suspension. Estimate: as two decreases."""
    longest_suspend_seconds: float = 12 * HOUR_SECONDS
    """The most a repeated suspension grows to, unless a rule asks for more. Estimate: three of Momentum's."""
    forget_seconds: float = DAY_SECONDS
    """A suspension so long after the last one is a first one again. Estimate."""
    stuck_share: float = 0.5
    """At the lowest step, this share of refusals suspends. Estimate."""
    stuck_seconds: float = 1800.0
    """For so long at first: RFC 5321, 4.5.4.1 asks for 30 minutes between attempts."""


@dataclass(frozen=True, slots=True)
class WarmupRules:
    """When a stage is left, held or stepped back from."""

    schedules: Mapping[Temperament, str] = field(
        default_factory=lambda: {
            "reactive": "mailtrap",
            "tolerant": "sparkpost",
            "manual": "mailtrap",
            "ordinary": "sendgrid",
        }
    )
    """Which published schedule, by temperament: the gentlest slope for those who react hardest."""
    leave_delivered_share: float = 0.90
    """SparkPost: a stage is left only when over 90 % of its volume was delivered."""
    hold_pressure_share: float = 0.05
    """Estimate."""
    back_pressure_share: float = 0.15
    """Estimate."""
    hold_complaint_share: float = 0.001
    """Google: stay under 0.10 %; SES reviews from there."""
    back_complaint_share: float = 0.003
    """Google: never reach 0.30 %."""
    back_bounce_share: float = 0.05
    """SES: 5 % is reviewed."""
    least_attempts: int = 20
    """A day with fewer is no sending day. Estimate: the smallest first day of the schedules."""
    idle_days: int = 30
    """SendGrid: again from the start after 30 idle days."""
    settled_days: int = 42
    """Sending days after which a path is established although its volume never filled the schedule: four to
    six weeks is what senders report, the longer figure stands."""
    rebuild_days: int = 35
    """Least sending days of a burnt address's way back: the middle of four to six weeks."""


@dataclass(frozen=True, slots=True)
class GrowthRules:
    """How fast the volume of an established path may grow."""

    held_share: float = 0.30
    """An increase above this within days is held: 20 to 30 % is the range operators name."""
    held_share_young: float = 0.20
    """The same for addresses younger than `young_days`."""
    young_days: int = 90
    """Estimate: twice the time a reputation takes to settle."""
    usual_days: int = 14
    """The busiest of so many days is the usual volume: a weekly mailing stays usual when one is left out."""
    free_per_day: int = 500
    """Up to this volume nothing is held. Estimate: the third day of the gentlest schedule."""
    emergency_bands: tuple[tuple[float, float], ...] = (
        (50_000, 2.0),
        (100_000, 1.5),
        (250_000, 1.2),
        (float("inf"), 1.1),
    )
    """iPost's growth cap: below so many messages a day, this factor. What an address may take over when
    others of its pool are lost."""


@dataclass(frozen=True, slots=True)
class Level:
    """From where on a share counts, and from where on it counts in full."""

    good: float
    bad: float
    points: float
    """What it costs of 100 when it counts in full."""


@dataclass(frozen=True, slots=True)
class ReputationRules:
    """The score, and who rests."""

    pressure: Level = Level(0.02, 0.20, 35)
    """Estimate."""
    bounces: Level = Level(0.02, 0.10, 40)
    """Above 2 % is an incident (requirements, C9); SES pauses at 10 %."""
    blocks: Level = Level(0.0, 0.05, 60)
    """Estimate: a block is never a matter of one recipient."""
    complaints: Level = Level(0.001, 0.005, 40)
    """SES: 0.1 % review, 0.5 % pause."""
    listings: Level = Level(0.0, 1.0, 30)
    """A minor list; a major one takes the address out whatever its score. Estimate."""
    together_factor: float = 1.5
    """What several bad measures cost more than their sum: one alone may be noise. Estimate."""
    least_answers: int = 100
    """Fewer in a day: a week is looked at instead. Estimate."""
    rise_per_hour: float = 1.0
    """At most so many points are regained an hour: half a score takes two days. Estimate."""
    rest_below: float = 50.0
    return_above: float = 70.0
    """Hysteresis. Estimates."""
    rest_seconds: float = 2 * DAY_SECONDS
    """Doubles with each rest within `forget_seconds`. Estimate."""
    longest_rest_seconds: float = 14 * DAY_SECONDS
    """Estimate: well before the 30 idle days after which an address is cold."""
    probation_seconds: float = 3 * DAY_SECONDS
    """Estimate."""
    forget_seconds: float = 30 * DAY_SECONDS
    """As long as ISPs are said to remember."""
    floor_share: float = 0.5
    """Share of a pool's addresses that low scores never take below."""
    most_rests_share: float = 0.25
    """Share of a pool that low scores may send to rest within `rests_window_seconds`; one at least."""
    rests_window_seconds: float = DAY_SECONDS
    burnt_below: float = 15.0
    """A score so low, or a second rest for a block: the reputation is gone. Estimate."""
    burnt_after_seconds: float = DAY_SECONDS
    """Listed for so long: the same. Estimate."""
    believed_listed_share: float = 0.5
    """A list that names more than this share of all addresses at once, none of them refused, is doubted:
    lists that were closed have answered "listed" to every question."""
    doubted_from_addresses: int = 3
    """With fewer addresses, a share says nothing."""


@dataclass(frozen=True, slots=True)
class StageRules:
    """The failure sequence. Estimates, but for those taken from elsewhere in this file."""

    least_answers: int = 50
    pressure_share: float = 0.03
    pressure_factor: float = 2.0
    """Stage 1: so much more than the seven days before."""
    least_queued: int = 100
    queue_factor: float = 1.5
    """Stage 2: the queue against that of an hour ago."""
    spam_share: float = 0.10
    """Stage 3: placement, where a signal exists."""
    complaint_share: float = 0.003
    """Stage 3 without one: Google's upper limit."""
    block_share: float = 0.05
    refused_share: float = 0.80
    """Stage 4: deferred acceptance."""
    calm_seconds: float = 6 * HOUR_SECONDS
    """One stage back after so long without a sign of the present one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """All of them."""

    throttle: ThrottleRules = field(default_factory=ThrottleRules)
    warmup: WarmupRules = field(default_factory=WarmupRules)
    growth: GrowthRules = field(default_factory=GrowthRules)
    reputation: ReputationRules = field(default_factory=ReputationRules)
    stages: StageRules = field(default_factory=StageRules)
