"""Why a path has the pace it has, and until when it sends nothing. Pure."""

from dataclasses import dataclass

from delivery.brain.marks import Mark
from delivery.brain.model import PathMemory
from delivery.brain.rests import Member, Service
from delivery.brain.rules import DAY_SECONDS, HOUR_SECONDS
from delivery.brain.stages import INTERVENTIONS, LAST
from delivery.brain.throttle import Frame
from delivery.brain.warmup import Budget
from fleet.catalogue import Stage


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a path has from its address, its pool, and its neighbours."""

    pool: str
    age_days: float
    emergency: bool
    member: Member
    """Of the address among those of its pool."""
    score: float
    marks: tuple[Mark, ...]
    newly_burnt: bool = False
    """The address, in this decision."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Why a path has the pace it has, and until when it sends nothing."""

    memory: PathMemory
    around: Surroundings
    allowed: Budget
    frame: Frame
    most_today: float
    left: int | None

    def reason(self) -> str:
        """One sentence; it stays the same as long as its cause does."""
        memory, name, pace = self.memory, self.frame.name, self.memory.pace
        if self.around.member.service is Service.RESTING:
            return self.around.member.reason
        if memory.member.service is Service.RESTING:
            return memory.member.reason
        if pace.suspended_until is not None:
            return pace.reason
        if self.left == 0:
            what = "stage allows" if not memory.warmth.done else "usual volume lets it grow to"
            return f"{name}: sent the {int(self.most_today)} messages its {what} today"
        if pace.step < self.frame.ceiling:
            return pace.reason or f"{name}: starts carefully"
        return f"{name}: {self._bound()}"

    def _bound(self) -> str:
        memory = self.memory
        if INTERVENTIONS[memory.failure.stage].ceiling_factor < 1:
            return f"held down at stage {memory.failure.stage} of {LAST} of failure: {memory.failure.why}"
        if service(memory, self.around) is Service.PROBATION:
            return "at the highest pace of an address on probation"
        if not memory.warmth.done:
            kind = "rebuilds" if memory.warmth.rebuilding else "warms up"
            return f"{kind} at stage {memory.warmth.stage + 1} of schedule {memory.warmth.schedule}"
        return "at the highest pace of an established address"

    def until(self, now: float) -> float | None:
        """None when it sends. A rest whose time is over goes on while the score is low: look again soon."""
        ends = []
        for member in (self.around.member, self.memory.member):
            if member.service is Service.RESTING:
                ends.append(max(member.until or 0.0, now + HOUR_SECONDS))
        if self.memory.pace.suspended_until is not None:
            ends.append(self.memory.pace.suspended_until)
        if self.left == 0:
            ends.append((now // DAY_SECONDS + 1) * DAY_SECONDS)
        return max(ends, default=None)


def rests(memory: PathMemory, around: Surroundings) -> bool:
    """Whether nothing leaves, whatever the pace."""
    return Service.RESTING in (memory.member.service, around.member.service)


def service(memory: PathMemory, around: Surroundings) -> Service:
    """That of the worse of path and address."""
    both = (memory.member.service, around.member.service)
    return next((one for one in (Service.RESTING, Service.PROBATION) if one in both), Service.ACTIVE)


def standing(allowed: Budget, memory: PathMemory, around: Surroundings) -> Stage:
    """An established path on probation keeps to what a warming one may do."""
    if allowed.standing is Stage.ESTABLISHED and service(memory, around) is not Service.ACTIVE:
        return Stage.WARMING
    return allowed.standing
