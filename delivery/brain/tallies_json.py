"""The JSON form of tallies, so that what was counted survives a restart."""

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from delivery.brain.counts import Counts
from delivery.brain.marks import Mark
from delivery.brain.tallies import KEPT, Subject, Tallies, Tally
from delivery.errors import StateError
from delivery.model import Category, Path

VERSION = 1
_Count = Annotated[int, Field(ge=0)]


class _Bucket(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: int
    d: _Count = 0
    t: dict[Category, _Count] = {}
    b: dict[Category, _Count] = {}
    c: _Count = 0


class _Tally(BaseModel):
    model_config = ConfigDict(extra="forbid")
    address: str | None
    isp: str | None
    pool: str | None
    last_attempt_at: float | None
    minutes: list[_Bucket]
    hours: list[_Bucket]
    days: list[_Bucket]


class _Marked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    address: str
    isp: str
    marks: list[Mark]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    version: int
    tallies: list[_Tally]
    marks: list[_Marked]


_FILE = TypeAdapter(_File)
_WIDTHS = dict(zip(("minutes", "hours", "days"), KEPT, strict=True))


def render_tallies(tallies: Tallies) -> str:
    """The file's text: subjects in order, counts that are 0 left out."""
    marked = [
        {"address": path.address, "isp": path.isp, "marks": [_mark(one) for one in by_rule.values()]}
        for path, by_rule in sorted(tallies.marks.items())
    ]
    told = {
        "version": VERSION,
        "tallies": [_tally(subject, tally) for subject, tally in tallies.by_subject.items()],
        "marks": marked,
    }
    return json.dumps(told, separators=(",", ":"))


def parse_tallies(text: str) -> Tallies:
    """What `render_tallies` wrote; StateError when it is anything else."""
    try:
        found = _FILE.validate_json(text)
    except ValidationError as error:
        raise StateError(f"the tallies are malformed: {error.errors()[0]['msg']}") from None
    if found.version != VERSION:
        raise StateError(f"the tallies are of version {found.version}, not {VERSION}")
    by_subject = {
        Subject(one.address, one.isp, one.pool): Tally(
            {width: {b.n: _counts(b) for b in getattr(one, name)} for name, width in _WIDTHS.items()},
            one.last_attempt_at,
        )
        for one in found.tallies
    }
    marks = {Path(one.address, one.isp): {mark.rule: mark for mark in one.marks} for one in found.marks}
    return Tallies.of_parts(by_subject, marks)


def _tally(subject: Subject, tally: Tally) -> dict[str, object]:
    spans = {
        name: [_bucket(number, counts) for number, counts in sorted(tally.buckets[width].items())]
        for name, width in _WIDTHS.items()
    }
    return {**subject._asdict(), "last_attempt_at": tally.last_attempt_at, **spans}


def _bucket(number: int, counts: Counts) -> dict[str, object]:
    parts = {
        "d": counts.delivered,
        "t": dict(counts.deferred),
        "b": dict(counts.bounced),
        "c": counts.complaints,
    }
    return {"n": number, **{key: value for key, value in parts.items() if value}}


def _counts(bucket: _Bucket) -> Counts:
    return Counts(bucket.d, bucket.t, bucket.b, bucket.c)


def _mark(mark: Mark) -> dict[str, object]:
    return {name: getattr(mark, name) for name in Mark.__slots__}
