"""How much more than usual a path may carry: planned increases, and mail taken over from others. Pure."""

from dataclasses import dataclass

from delivery.brain.rules import GrowthRules

INFINITE = float("inf")


@dataclass(frozen=True, slots=True)
class Growth:
    """A planned increase of a path's, or a pool's, volume a day."""

    volumes_per_day: tuple[int, ...]
    """Day by day; the last is what was planned."""
    share: float
    """Of the usual volume: 0.5 for half as much again."""
    sentence: str

    @property
    def staged(self) -> bool:
        return len(self.volumes_per_day) > 1


def held_share(age_days: float, rules: GrowthRules) -> float:
    """The increase from which on growth is held, lower for younger addresses and domains."""
    return rules.held_share_young if age_days < rules.young_days else rules.held_share


def plan_growth(usual_per_day: int, planned_per_day: int, age_days: float, rules: GrowthRules) -> Growth:
    """The way from the usual volume to the planned one: at once when the step is small, else day by day."""
    most = held_share(age_days, rules)
    share = planned_per_day / usual_per_day - 1 if usual_per_day else INFINITE
    volumes: list[int] = []
    volume = float(max(usual_per_day, rules.free_per_day))
    while planned_per_day > (volume := _no_more(usual_per_day, volume, most, rules, first=not volumes)):
        volumes.append(int(volume))
    volumes.append(planned_per_day)
    told = f"{share:+.0%} against the usual {usual_per_day} a day" if usual_per_day else "no usual volume"
    if len(volumes) == 1:
        return Growth((planned_per_day,), share, f"{planned_per_day} a day may be sent at once: {told}")
    days = f"at most {most:.0%} more a day, over {len(volumes)} days"
    return Growth(tuple(volumes), share, f"{planned_per_day} a day runs as a mini warm-up: {told}; {days}")


def _no_more(usual: int, volume: float, most: float, rules: GrowthRules, *, first: bool) -> float:
    """The most on the next day, at least one more than the day before."""
    if first:
        return usual_most(usual, most, rules)
    return max(volume + 1, volume * (1 + most))


def usual_most(usual_per_day: int, share: float, rules: GrowthRules) -> float:
    """The most in a day that is not yet held."""
    return max(float(rules.free_per_day), usual_per_day * (1 + share))


def most_today(usual_per_day: int, age_days: float, rules: GrowthRules, *, emergency: bool) -> float:
    """What an established path may send today, given the busiest of its last days.

    In an emergency (others of the pool are lost) the published cap of growth takes the place of the careful
    one: better a path that grows as fast as is known to be borne than mail that waits.
    """
    if not emergency:
        return usual_most(usual_per_day, held_share(age_days, rules), rules)
    factor = next(factor for below, factor in rules.emergency_bands if usual_per_day < below)
    return max(float(rules.free_per_day), usual_per_day * factor)


def is_flagged(usual_per_day: int, today: int, age_days: float, rules: GrowthRules) -> bool:
    """Whether a volume is more than its share above the usual."""
    return today > usual_most(usual_per_day, held_share(age_days, rules), rules)
