"""The decision: from one snapshot to a plan for every path, what to remember, and what to tell. Pure.

The order is that of reach: blocklists, addresses, paths in their group, each path by itself. Nothing here
raises a pace but the throttle; everything before it only sets how high it may go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from delivery.brain.events import Event
from delivery.brain.ladder import highest_within, messages_per_hour_cap
from delivery.brain.listings import believed, told_doubts
from delivery.brain.marks import Mark
from delivery.brain.model import (
    AddressMemory,
    Decision,
    Memory,
    PathMemory,
    Policy,
    Snapshot,
    path_name,
)
from delivery.brain.one_path import decide_path
from delivery.brain.outlook import Surroundings
from delivery.brain.plan import Plan, Row
from delivery.brain.rests import Member, Service, Sign, judge_group
from delivery.brain.rules import DAY_SECONDS, ReputationRules
from delivery.brain.scoring import Measured, Score, follow, measure
from delivery.brain.spread import spread_marks
from delivery.brain.stages import Failure
from delivery.brain.throttle import Frame, careful_start
from delivery.brain.warmup import begin, budget, established
from delivery.model import Path
from fleet.transports import WARMING_DAYS

LEAST_BLOCKS = 3
"""Blocks of late, and half of all answers, before a path counts as blocked: a single
one may be a rule read too widely."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """Addresses, or paths, after scores and groups."""

    scores: Mapping[str, Score]
    members: Mapping[str, Member]


def decide(snapshot: Snapshot, policy: Policy, now: float) -> Decision:
    """What holds from `now` (seconds since 1970) on."""
    events: list[Event] = []
    listed, doubted = believed(snapshot, policy.rules.reputation)
    events += told_doubts(snapshot.memory.doubted, doubted)
    addresses = _addresses(snapshot, listed, doubted, policy, now, events)
    known = {path: _remembered(snapshot, path, policy, now) for path in sorted(snapshot.paths)}
    marks = spread_marks(snapshot)
    paths = _paths(snapshot, known, addresses, policy, now, events)
    rows: list[Row] = []
    remembered: dict[Path, PathMemory] = {}
    capacity: dict[str, dict[str, int]] = {}
    for path, was in known.items():
        around = _surroundings(snapshot, path, addresses, marks)
        decided = decide_path(path, snapshot.paths[path], paths[path], was, around, policy, now)
        rows.append(decided.row)
        remembered[path] = decided.memory
        events += decided.events
        by_isp = capacity.setdefault(around.pool, {})
        by_isp[path.isp] = by_isp.get(path.isp, 0) + decided.warm_capacity
    memory = Memory(remembered, _address_memory(addresses, remembered), doubted)
    return Decision(Plan(now, tuple(rows), capacity), memory, tuple(events))


def _address_memory(addresses: _Judged, paths: Mapping[Path, PathMemory]) -> Mapping[str, AddressMemory]:
    """An address is burnt no more when all paths that have sent since are rebuilt, and one has."""
    rebuilding = {
        path.address for path, one in paths.items() if one.warmth.rebuilding and one.warmth.sending_days
    }
    rebuilt = {path.address for path, one in paths.items() if one.warmth.done}
    return {
        name: AddressMemory(
            addresses.scores[name],
            replace(member, burnt=member.burnt and not (name in rebuilt and name not in rebuilding)),
        )
        for name, member in addresses.members.items()
    }


def _addresses(
    snapshot: Snapshot,
    listed: Mapping[str, str],
    doubted: frozenset[str],
    policy: Policy,
    now: float,
    events: list[Event],
) -> _Judged:
    """Scores of all addresses, and who of each pool rests."""
    rules = policy.rules.reputation
    scores: dict[str, Score] = {}
    signs: dict[str, dict[str, Sign]] = {}
    for name, seen in snapshot.addresses.items():
        was = snapshot.memory.addresses.get(name)
        minor = sum(not one.major and one.zone not in doubted for one in seen.listings)
        measured = measure(seen.day, seen.week, minor, rules)
        score = scores[name] = _score(was, measured, rules, now)
        sign = Sign(
            score.value, measured.sentence, listed.get(name, ""), seen.since_return.answered, seen.present
        )
        signs.setdefault(seen.pool, {})[name] = sign
    before = {name: one.member for name, one in snapshot.memory.addresses.items()}
    return _Judged(scores, _judge(signs, before, rules, now, events))


def _paths(
    snapshot: Snapshot,
    known: Mapping[Path, PathMemory],
    addresses: _Judged,
    policy: Policy,
    now: float,
    events: list[Event],
) -> Mapping[Path, PathMemory]:
    """Each path with its score and its place in its group: the paths of one pool to one ISP."""
    rules = policy.rules.reputation
    scores: dict[Path, Score] = {}
    signs: dict[str, dict[str, Sign]] = {}
    for path, was in known.items():
        seen = snapshot.paths[path]
        measured = measure(seen.day, seen.week, 0, rules)
        score = scores[path] = _score(was, measured, rules, now)
        sign = Sign(
            score.value,
            measured.sentence,
            _blocked(snapshot, path),
            seen.since_return.answered,
            snapshot.addresses[path.address].present
            and addresses.members[path.address].service is not Service.RESTING,
        )
        group = f"{snapshot.addresses[path.address].pool}\n{path.isp}"
        signs.setdefault(group, {})[path_name(path)] = sign
    before = {path_name(path): was.member for path, was in known.items()}
    members = _judge(signs, before, rules, now, events)
    return {
        path: replace(was, score=scores[path], member=members[path_name(path)]) for path, was in known.items()
    }


def _judge(
    groups: Mapping[str, Mapping[str, Sign]],
    before: Mapping[str, Member],
    rules: ReputationRules,
    now: float,
    events: list[Event],
) -> Mapping[str, Member]:
    members: dict[str, Member] = {}
    for signs in groups.values():
        judged, said = judge_group(before, signs, rules, now)
        members.update(judged)
        events += said
    return members


def _score(
    was: PathMemory | AddressMemory | None, measured: Measured, rules: ReputationRules, now: float
) -> Score:
    """Who rests regains by time alone: nothing new can be said of it, and what was said put it there."""
    resting = was is not None and was.member.service is Service.RESTING
    return follow(None if was is None else was.score, 100.0 if resting else measured.score, rules, now)


def _blocked(snapshot: Snapshot, path: Path) -> str:
    """What is blocked just now; on slow paths, in the last hour."""
    for seen in (snapshot.paths[path].recent, snapshot.paths[path].hour):
        if seen.blocks >= LEAST_BLOCKS and seen.blocks * 2 >= seen.answered:
            return f"blocked: {seen.blocks} of the last {seen.answered} attempts"
    return ""


def _remembered(snapshot: Snapshot, path: Path, policy: Policy, now: float) -> PathMemory:
    """What is remembered of a path, or how one begins of which nothing is."""
    if (was := snapshot.memory.paths.get(path)) is not None:
        return was
    schedule, today = policy.schedule(path.isp), int(now // DAY_SECONDS)
    age_days = snapshot.addresses[path.address].age_days
    warm = age_days is not None and age_days >= WARMING_DAYS
    warmth = established(schedule, today) if warm else begin(schedule, today)
    isp, steps = policy.isp(path.isp), policy.steps(path.isp)
    allowed = budget(warmth, schedule, isp)
    limits = isp.limits_at(allowed.standing)
    cap = min(messages_per_hour_cap(limits), allowed.per_hour)
    ceiling = highest_within(steps, cap, limits.connections.value) or 0
    frame = Frame(path_name(path), steps, ceiling, isp.temperament)
    pace = replace(careful_start(frame, policy.rules.throttle), raised_at=now)
    return PathMemory(now, Score(100.0, now), warmth, pace, Member(since=now), Failure(), since=now)


def _surroundings(
    snapshot: Snapshot, path: Path, addresses: _Judged, marks: Mapping[Path, Iterable[Mark]]
) -> Surroundings:
    seen, was = snapshot.addresses[path.address], snapshot.memory.addresses.get(path.address)
    member = addresses.members[path.address]
    return Surroundings(
        pool=seen.pool,
        age_days=seen.age_days or 0.0,
        emergency=seen.pool in snapshot.emergencies,
        member=member,
        score=addresses.scores[path.address].value,
        marks=tuple(marks.get(path, ())),
        newly_burnt=member.burnt and not (was is not None and was.member.burnt),
    )
