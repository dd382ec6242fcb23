"""One ISP's view of one sending address, tick by tick."""

from dataclasses import dataclass, field
from typing import NamedTuple

from bench.eightweeks.isp_model import Receiver

TICK_SECONDS = 1800
TICKS_PER_DAY = 86_400 // TICK_SECONDS
TICK_HOURS = TICK_SECONDS / 3600
USUAL_DAYS = 7.0
"""Over which the usual volume is smoothed, as ISPs are said to look at a week."""


FADING = 1 - 1 / TICKS_PER_DAY
TRUSTED_MESSAGES = 500.0
"""Shares of fewer count in proportion."""


class Seen(NamedTuple):
    """What was taken of late, older messages counting less."""

    taken: float
    bounced: float
    complaints: float


class Answer(NamedTuple):
    """What became of so many attempts."""

    inbox: int
    spam: int
    bounced: int
    deferred: int
    blocked: int
    complaints: int


@dataclass(slots=True)
class View:
    """What an ISP holds of an address."""

    model: Receiver
    reputation: float = 1.0
    usual_per_day: float = 0.0
    taken_today: int = 0
    blocked_until: int = -1
    worst: float = 1.0
    _offered: int = 0
    _excess: int = 0
    _taken: int = 0
    _bounced: int = 0
    _complaints: float = 0.0
    _owed: float = 0.0
    _seen: "Seen" = field(default_factory=lambda: Seen(0.0, 0.0, 0.0))

    def room(self) -> int:
        """Messages it takes in what is left of this tick."""
        model = self.model
        usual = model.growth * self.usual_per_day
        hour = max(model.fresh_per_hour, usual / model.busy_hours) * self.reputation
        day = max(model.fresh_per_day, usual) * self.reputation
        return max(0, int(min(hour * TICK_HOURS - self._taken, day - self.taken_today)))

    def receive(self, tick: int, good: int, invalid: int, complaint_share: float) -> Answer:
        """Attempts of one tick; may be called several times in it."""
        offered = good + invalid
        self._offered += offered
        if tick < self.blocked_until:
            self._excess += offered
            return Answer(0, 0, 0, 0, offered, 0)
        taken = min(offered, self.room())
        bounced = invalid * taken // offered if offered else 0
        accepted = taken - bounced
        self._taken += taken
        self.taken_today += taken
        self._excess += offered - taken
        self._bounced += bounced
        spam = int(accepted * self._spam_share())
        self._owed += (accepted - spam) * complaint_share
        complaints = int(self._owed)
        self._owed -= complaints
        self._complaints += complaints
        return Answer(accepted - spam, spam, bounced, offered - taken, 0, complaints)

    def close(self, tick: int) -> None:
        """The end of a tick: what it did to the reputation."""
        model, harm = self.model, 0.0
        if self._offered:
            harm += model.excess_harm_per_hour * self._excess / self._offered
        self._remember()
        if self._taken:
            trust = min(1.0, self._seen.taken / TRUSTED_MESSAGES)
            bounced, complained = (
                self._seen.bounced / self._seen.taken,
                self._seen.complaints / self._seen.taken,
            )
            harm += trust * model.bounce_harm_per_hour * max(0.0, bounced - 0.02)
            harm += trust * model.complaint_harm_per_hour * max(0.0, complained - 0.001)
        self.reputation = max(0.0, self.reputation - harm * TICK_HOURS)
        if tick >= self.blocked_until and self.reputation < model.block_below:
            self.blocked_until = tick + int(model.block_hours / TICK_HOURS)
            self.reputation = model.block_below
        if not harm:
            self.reputation = min(1.0, self.reputation + TICK_HOURS / 24 / model.recovery_days)
        self.worst = min(self.worst, self.reputation)
        self._offered = self._excess = self._taken = self._bounced = 0
        self._complaints = 0.0
        if (tick + 1) % TICKS_PER_DAY == 0:
            self.usual_per_day += (self.taken_today - self.usual_per_day) / USUAL_DAYS
            self.taken_today = 0

    def _remember(self) -> None:
        """Shares are those of about a day: a handful of messages shows nothing."""
        was = self._seen
        self._seen = Seen(
            was.taken * FADING + self._taken,
            was.bounced * FADING + self._bounced,
            was.complaints * FADING + self._complaints,
        )

    def _spam_share(self) -> float:
        model = self.model
        return min(1.0, max(0.0, (model.spam_from - self.reputation) / (model.spam_from - model.spam_all)))
