"""What the daemon remembers over its restarts: who was out, why, and how often each came and went.

Kept as JSON in one file that is replaced as a whole; times in it are seconds before it was written. Losing it
does no harm: the front door's own states are taken in at each start (`Daemon`), and nobody is held down.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from failover.decide import Check, Decision, Fault, GroupKey, Health, Policy, Standing, Target
from failover.errors import ConfigError
from failover.fields import Fields

VERSION = 1
MOST_AGE_SECONDS = 3_600.0
"""What was seen longer ago than this says nothing about now."""
MOST_AHEAD_SECONDS = 5.0
"""A file from the future, by more than clocks differ, was written by a clock that was wrong."""
E = TypeVar("E", bound=StrEnum)
SAVE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """Health and standings of those of whom there is something to remember."""

    health: dict[Target, Health] = field(default_factory=dict)
    plan: dict[GroupKey, dict[str, Standing]] = field(default_factory=dict)


def render_memory(decision: Decision, now: float, wall: float) -> str:
    """The file's text; `now` is of the daemon's clock, `wall` seconds since 1970."""
    checks = [
        {
            "node": target.node,
            "pool": target.pool,
            "check": target.check,
            "fault": state.fault or Fault.GRAY,
            "reason": state.reason,
            "down_seconds": round(now - state.since, 3),
        }
        for target, state in decision.health.items()
        if not state.up
    ]
    members = [
        {
            "kind": key.kind,
            "pool": key.pool,
            "node": node,
            "in_service": one.in_service,
            "healthy": one.healthy,
            "fault": one.fault,
            "reason": one.reason,
            "level": one.level,
            "returned_seconds_ago": None if math.isinf(one.returned_at) else round(now - one.returned_at, 3),
        }
        for key, standings in decision.plan.items()
        for node, one in standings.items()
        if _is_memorable(one)
    ]
    told = {"version": VERSION, "saved_at": round(wall, 3), "checks": checks, "members": members}
    return json.dumps(told, separators=(",", ":"))


def parse_memory(text: str, policy: Policy, now: float, wall: float) -> Remembered:
    """What the file's text says of `policy`'s targets; ConfigError when it is malformed or too old."""
    try:
        fields = Fields(json.loads(text), "")
    except ValueError as error:
        raise ConfigError(f"is not JSON: {error}") from None
    if fields.whole("version", 0, 10**6) != VERSION:
        raise ConfigError("was written by another version")
    age = wall - _number(fields, "saved_at")
    if not -MOST_AHEAD_SECONDS <= age <= MOST_AGE_SECONDS:
        raise ConfigError(f"is {age:.0f} s old: 0 to {MOST_AGE_SECONDS:.0f} s count")
    saved_at = now - max(0.0, age)
    found = Remembered(
        dict(_check(one, saved_at) for one in fields.objects("checks")),
        {},
    )
    for key, node, standing in (_member(one, saved_at, now) for one in fields.objects("members")):
        found.plan.setdefault(key, {})[node] = standing
    fields.done()
    return _still_known(found, policy)


class Memory:
    """The file: `load` at the start, `note` after each decision that changed something, `save` when due."""

    def __init__(self, file: Path | None, wall: Callable[[], float]) -> None:
        self._file, self._wall = file, wall
        self._unsaved = False
        self._saved_at = float("-inf")

    def load(self, policy: Policy, now: float) -> Remembered:
        """What is remembered; nothing without a file. ConfigError when the file does not count."""
        if self._file is None:
            return Remembered()
        try:
            text = self._file.read_bytes().decode()
        except FileNotFoundError:
            return Remembered()
        except OSError as error:
            raise ConfigError(f"{self._file}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{self._file}: is not UTF-8") from None
        try:
            return parse_memory(text, policy, now, self._wall())
        except ConfigError as error:
            raise ConfigError(f"{self._file}: {error}") from None

    def note(self) -> None:
        self._unsaved = True

    def save(self, decision: Decision, now: float, *, at_once: bool = False) -> None:
        """Write when there is something new, at most once a second; a disk that refuses is left alone."""
        if self._file is None or not self._unsaved or (now - self._saved_at < SAVE_SECONDS and not at_once):
            return
        self._unsaved, self._saved_at = False, now
        fresh = self._file.with_name(f"{self._file.name}.new")
        try:
            fresh.write_text(render_memory(decision, now, self._wall()), encoding="utf-8")
            fresh.replace(self._file)
        except OSError:
            self._unsaved = True


def _is_memorable(one: Standing) -> bool:
    """Standings out by a person's word are not: orders have a file of their own."""
    return one.level > 0 or not math.isinf(one.returned_at) or not (one.in_service or one.ordered_out)


def _check(fields: Fields, saved_at: float) -> tuple[Target, Health]:
    target = Target(fields.text("node"), fields.text("pool"), _one_of(Check, fields, "check"))
    state = Health(
        up=False,
        since=saved_at - _number(fields, "down_seconds"),
        fault=_one_of(Fault, fields, "fault"),
        reason=fields.text("reason", empty=True),
    )
    fields.done()
    return target, state


def _member(fields: Fields, saved_at: float, now: float) -> tuple[GroupKey, str, Standing]:
    kind = fields.text("kind")
    if kind not in ("relay", "entry"):
        raise ConfigError(f"{fields.at('kind')}: expected relay or entry, found {kind!r}")
    key = GroupKey("relay" if kind == "relay" else "entry", fields.text("pool", empty=True))
    node, in_service, healthy = fields.text("node"), fields.truth("in_service"), fields.truth("healthy")
    standing = Standing(
        in_service=in_service,
        healthy=healthy,
        unhealthy_since=0.0 if healthy else now,
        reason=fields.text("reason"),
        fault=_one_of(Fault, fields, "fault") if fields.has("fault") else None,
        weight_percent=100 if in_service else 0,
        level=fields.whole("level", 0, 64),
        good_since=now if healthy and not in_service else None,
    )
    if fields.has("returned_seconds_ago"):
        standing = standing._replace(returned_at=saved_at - _number(fields, "returned_seconds_ago"))
    fields.done()
    return key, node, standing


def _still_known(found: Remembered, policy: Policy) -> Remembered:
    """Without nodes, pools and checks that the configuration no longer has."""
    members = {group.key: group.members for group in policy.groups}
    targets = {target for group in policy.groups for one in group.members.values() for target in one}
    return Remembered(
        {target: state for target, state in found.health.items() if target in targets},
        {
            key: {node: one for node, one in standings.items() if node in members[key]}
            for key, standings in found.plan.items()
            if key in members
        },
    )


def _number(fields: Fields, key: str) -> float:
    return fields.number(key, -MOST_AGE_SECONDS * 24, 1e12)


def _one_of(kinds: type[E], fields: Fields, key: str) -> E:
    said = fields.text(key)
    try:
        return kinds(said)
    except ValueError:
        raise ConfigError(f"{fields.at(key)}: expected one of {', '.join(kinds)}, found {said!r}") from None
