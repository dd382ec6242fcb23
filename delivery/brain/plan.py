"""The plan of delivery: what each path may do. The brain writes it, the router reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from delivery.brain.overflow import MessageClass
from delivery.brain.rests import Service
from delivery.errors import PlanError
from delivery.model import Path
from fleet.catalogue import Stage

VERSION = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One path: what it may do, and why."""

    pool: str
    address: str
    isp: str
    step: int
    """Number on the ISP's ladder, 0 the lowest: names the transport."""
    messages_per_hour: int
    """Never more than the step's; 0 while nothing may be sent."""
    connections: int
    pause_seconds: int
    day_left: int | None
    """Attempts left today (UTC); None for no limit."""
    suspended_until: float | None
    """Seconds since 1970; nothing is asked on this path before."""
    score: float
    standing: Stage
    service: Service
    stage: int
    """Of the failure sequence; 0 for none."""
    carries: tuple[MessageClass, ...]
    reason: str
    since: float

    @property
    def path(self) -> Path:
        return Path(self.address, self.isp)


@dataclass(frozen=True, slots=True)
class Plan:
    """What holds from `written_at` (seconds since 1970) on."""

    written_at: float
    rows: tuple[Row, ...]
    warm_capacity: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By pool and ISP: messages that its established paths could still take today if others were lost."""

    def by_path(self) -> Mapping[Path, Row]:
        return {row.path: row for row in self.rows}


class _Row(BaseModel):
    """A row as it is written: by pool, address and ISP, above it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    step: Annotated[int, Field(ge=0)]
    messages_per_hour: Annotated[int, Field(ge=0)]
    connections: Annotated[int, Field(ge=1)]
    pause_seconds: Annotated[int, Field(ge=0)]
    day_left: Annotated[int, Field(ge=0)] | None
    suspended_until: float | None
    score: Annotated[float, Field(ge=0, le=100)]
    standing: Stage
    service: Service
    stage: Annotated[int, Field(ge=0, le=4)]
    carries: list[str]
    reason: Annotated[str, Field(min_length=1)]
    since: float

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        if unknown := [name for name in self.carries if name.upper() not in MessageClass.__members__]:
            raise ValueError(f"there is no message class {unknown[0]!r}")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    version: int
    written_at: float
    pools: dict[str, dict[str, dict[str, _Row]]]
    warm_capacity: dict[str, dict[str, Annotated[int, Field(ge=0)]]] = {}


_FILE = TypeAdapter(_File)


def render_plan(plan: Plan) -> str:
    """The file's text."""
    pools: dict[str, dict[str, dict[str, _Row]]] = {}
    for row in plan.rows:
        fields = {name: getattr(row, name) for name in _Row.model_fields}
        fields["carries"] = [kind.name.lower() for kind in row.carries]
        pools.setdefault(row.pool, {}).setdefault(row.address, {})[row.isp] = _Row(**fields)
    capacity = {pool: dict(by_isp) for pool, by_isp in plan.warm_capacity.items()}
    return _File(
        version=VERSION, written_at=plan.written_at, pools=pools, warm_capacity=capacity
    ).model_dump_json()


def parse_plan(text: str | bytes) -> Plan:
    """What `render_plan` wrote; PlanError when it is anything else."""
    try:
        found = _FILE.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise PlanError(f"{place}: {first['msg']}") from None
    if found.version != VERSION:
        raise PlanError(f"version: {found.version} is not known; {VERSION} is")
    rows = [
        _row(pool, address, isp, row)
        for pool, by_address in found.pools.items()
        for address, by_isp in by_address.items()
        for isp, row in by_isp.items()
    ]
    if len({row.path for row in rows}) != len(rows):
        raise PlanError("pools: an address is in two of them")
    return Plan(found.written_at, tuple(rows), found.warm_capacity)


def _row(pool: str, address: str, isp: str, row: _Row) -> Row:
    fields = {name: getattr(row, name) for name in _Row.model_fields}
    fields["carries"] = tuple(MessageClass[name.upper()] for name in row.carries)
    return Row(pool=pool, address=address, isp=isp, **fields)
