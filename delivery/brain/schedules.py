"""Warm-up schedules as data: `delivery/schedules/*.yaml`, each with its source.

A schedule is a list of volumes, given as such or as a first one and its growth. Volumes are messages of one
path in a day, or in each hour of a day.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from delivery.errors import ScheduleError
from fleet.document import Document, UnreadableError, read_document
from fleet.problems import Problem, whole_file
from fleet.sources import Source
from fleet.spec.base import Label
from fleet.validation import validate

SCHEDULE_DIRECTORY = Path(__file__).parents[1] / "schedules"
HOURS_PER_DAY = 24
_Volume = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Band(_Strict):
    """How fast a volume grows."""

    factor: Annotated[float, Field(gt=1, le=3)]
    """From one stage to the next."""
    below: _Volume | None = None
    """While the volume is below this; absent in the last band only."""


class Schedule(_Strict):
    """What a path without history may send, stage by stage."""

    schedule: Label
    """Its name; the same as the file's."""
    title: str
    """Whose it is."""
    per: Literal["day", "hour"]
    """What its volumes count."""
    volumes: Annotated[tuple[_Volume, ...], Field(min_length=2)] | None = None
    """Stage by stage, never falling."""
    first: _Volume | None = None
    """In the place of `volumes`: the first stage's."""
    growth: tuple[Band, ...] = ()
    """With `first`."""
    stages: Annotated[int, Field(ge=2, le=60)] | None = None
    """With `first`: how many there are."""
    most_per_hour_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of a day's volume: the most in one hour."""
    source: Source
    """Who published it."""
    note: str = ""
    """What is not theirs."""

    @cached_property
    def stage_volumes(self) -> tuple[int, ...]:
        """In the unit of `per`."""
        if self.volumes is not None:
            return self.volumes
        volumes = [float(self.first or 1)]
        while len(volumes) < (self.stages or 0):
            volumes.append(volumes[-1] * grown_by(volumes[-1], self.growth))
        return tuple(int(volume) for volume in volumes)

    @property
    def last_stage(self) -> int:
        return len(self.stage_volumes) - 1

    def per_day(self, stage: int) -> int:
        """The most in a day of `stage`, counted from 0."""
        volume = self.stage_volumes[stage]
        return volume if self.per == "day" else volume * HOURS_PER_DAY

    def per_hour(self, stage: int) -> int:
        """The most in an hour."""
        volume = self.stage_volumes[stage]
        return volume if self.per == "hour" else max(1, int(volume * self.most_per_hour_share))


def grown_by(volume: float, bands: tuple[Band, ...]) -> float:
    """The factor of the band that `volume` is in."""
    return next(band.factor for band in bands if band.below is None or volume < band.below)


def load_schedules(directory: Path = SCHEDULE_DIRECTORY) -> Mapping[str, Schedule]:
    """Every `*.yaml` of `directory` by name; raises ScheduleError with all problems."""
    problems: list[Problem] = []
    found: dict[str, Schedule] = {}
    for path in sorted(directory.glob("*.yaml")):
        try:
            document = read_document(path)
        except UnreadableError as error:
            problems += error.problems
            continue
        schedule, said = validate(Schedule, document, {})
        problems += said
        if isinstance(schedule, Schedule):
            if schedule.schedule != path.stem:
                what = f"the file is called `{path.name}` but the schedule `{schedule.schedule}`"
                problems.append(document.problem(("schedule",), what, f"Write `{path.stem}`."))
            problems += _shape_problems(document, schedule)
            found[schedule.schedule] = schedule
    if not found and not problems:
        problems.append(whole_file(directory, "there is no schedule", "Restore the shipped files."))
    if problems:
        raise ScheduleError(problems)
    return found


def _shape_problems(document: Document, schedule: Schedule) -> list[Problem]:
    """What no single value shows."""
    if (schedule.volumes is None) == (schedule.first is None):
        what = "a schedule has either `volumes` or `first`"
        return [document.problem(("schedule",), what, "Write `volumes`, or `first`, `growth` and `stages`.")]
    if schedule.volumes is not None:
        if list(schedule.volumes) == sorted(schedule.volumes):
            return []
        what = "volumes must not fall from one stage to the next"
        return [document.problem(("volumes",), what, "Put them in order.")]
    last_is_open = bool(schedule.growth) and schedule.growth[-1].below is None
    if schedule.stages is not None and last_is_open:
        return []
    what = "`first` needs `stages`, and `growth` whose last band has no `below`"
    return [document.problem(("first",), what, "Add what is missing.")]
