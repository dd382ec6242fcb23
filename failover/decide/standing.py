"""Where each member of a group stands: what speaks against it, judged by the safety kernel. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from failover.decide.diagnosis import Diagnosis, Finding
from failover.decide.doubt import REGRET_SECONDS, Doubt
from failover.decide.faults import Fault, worse
from failover.decide.holddown import (
    Turns,
    hold_seconds,
    level_after_failure,
    next_weight_at,
    weight_percent,
)
from failover.decide.model import IN_SERVICE, Group, Policy, Snapshot, Standing
from failover.decide.safety import Cause, Limits, Wish, floor, judge, most_ejected
from failover.decide.vantage import AGREED_BY_RULE, Verdict, named, verdict

RECONSIDER_SECONDS = 1.0
"""So soon members that are kept against a wish are judged again: the load may have changed."""
HEALTHY = "healthy"


class Circumstances:
    """What all groups of one cycle share."""

    def __init__(
        self, snapshot: Snapshot, policy: Policy, diagnosis: Diagnosis, doubt: Doubt | None, now: float
    ) -> None:
        self.snapshot, self.policy, self.diagnosis = snapshot, policy, diagnosis
        self.doubt = doubt.reason if doubt else None
        self.blind = doubt is not None and doubt.blind
        self.now = now
        self.spoken_of = frozenset(named(snapshot.statements.values(), policy) if policy.vantages else ())
        self.eventful = diagnosis.unwell | snapshot.orders.keys() | snapshot.overrides.keys() | self.spoken_of
        """Nodes of which anything at all may be said; the others stay as they are, when they serve wholly."""


def stand(group: Group, at: Circumstances) -> tuple[dict[str, Standing], float]:
    """The standing of every member, and when time alone may change one of them."""
    before = at.snapshot.plan.get(group.key, {})
    standings: dict[str, Standing] = {}
    restless: dict[str, _Noted] = {}
    for node in group.members:
        was = standings[node] = before.get(node, IN_SERVICE)
        if node in at.eventful or not _serves_wholly(was):
            restless[node] = _judged(group, node, was, at)
    turns = Turns(before.values(), at.policy.hold_down, at.now)
    wishes = {node: wish for node, one in restless.items() if (wish := _wish(node, one, turns, at))}
    limits = _limits(group, wishes, restless, at) if wishes else None
    verdicts = judge(group.members, wishes.values(), limits) if limits else {}
    due_at = _NEVER
    for node, one in restless.items():
        standing = standings[node] = _placed(node, one, wishes.get(node), verdicts.get(node), at)
        due_at = min(due_at, _due_at(node, standing, at))
    return standings, due_at


_NEVER = float("inf")


class _Noted(NamedTuple):
    """A member's last standing, brought up to date with its health; nothing is decided yet."""

    was: Standing
    now: Standing
    finding: Finding | None
    undone: bool = False
    """Whether it was taken out by an observer that had only just gone blind: as if that had never been."""
    verdict: Verdict = AGREED_BY_RULE
    """How other sites see it."""


def _serves_wholly(one: Standing) -> bool:
    return one.in_service and one.healthy and one.weight_percent == 100 and one.reason == HEALTHY


def _judged(group: Group, node: str, was: Standing, at: Circumstances) -> _Noted:
    """With what other sites find: where they agree, an entry fails even if it answers this observer."""
    own = at.diagnosis.of(group, node)
    attested = own is not None and at.diagnosis.attested(group, node)
    found = AGREED_BY_RULE
    hearsay = not at.policy.watches(node)
    if own is not None or node in at.spoken_of or (hearsay and not was.healthy):
        found = verdict(at.snapshot, at.policy, group.key, node, own=attested)
    finding = own or _foreign(group, was, found, node, at)
    one = _note(was, finding, at)
    if finding is None:
        return one
    dead = own is not None and own.fault.is_death
    now = one.now._replace(
        found_failing=attested,
        agreed=found.agreed or (own is None and was.agreed),
        dead_since=(at.now if was.dead_since is None else was.dead_since) if dead else None,
    )
    return one._replace(now=now, verdict=found)


def _foreign(group: Group, was: Standing, found: Verdict, node: str, at: Circumstances) -> Finding | None:
    """What others have against an entry that answers this observer, or a member that it does not watch.

    What is out by their word stays out while this observer doubts itself, or any of them still says so and
    they are not outvoted; one that it does not watch also while none of them says anything.
    """
    hearsay = not at.policy.watches(node)
    if (group.key.kind != "entry" and not hearsay) or not at.policy.vantages:
        return None
    if node in at.spoken_of and found.agreed and not at.doubt:
        return Finding(Fault.ONE_WAY, found.sentence)
    out_by_others = was.agreed and not was.found_failing and not was.healthy and not was.in_service
    still_said = (bool(found.failing) or (hearsay and not found.working)) and not found.disputed
    if out_by_others and (hearsay or not at.blind) and (at.doubt or still_said):
        return Finding(was.fault or Fault.ONE_WAY, was.reason)
    return None


_WELL: dict[str, Any] = {
    "healthy": True,
    "unhealthy_since": 0.0,
    "fault": None,
    "found_failing": False,
    "agreed": False,
    "dead_since": None,
}


def _note(was: Standing, finding: Finding | None, at: Circumstances) -> _Noted:
    if finding is None and at.blind and not was.healthy and was.unhealthy_since >= at.now - REGRET_SECONDS:
        forgiven = max(0, was.level - 1)
        well = was._replace(level=forgiven, **_WELL)
        return _Noted(was, well, None, undone=True)
    if finding is None:
        return _Noted(was, was if was.healthy else _recovered(was, at.now), None)
    if not was.healthy:
        return _Noted(was, was._replace(fault=worse(was.fault, finding.fault)), finding)
    level = level_after_failure(was, at.policy.hold_down, at.now) if was.in_service else was.level
    failed = was._replace(
        healthy=False, unhealthy_since=at.now, fault=finding.fault, level=level, good_since=None
    )
    return _Noted(was, failed, finding)


def _recovered(was: Standing, now: float) -> Standing:
    well = was._replace(**_WELL)
    return well._replace(returned_at=now) if was.in_service else well._replace(good_since=now)


def _wish(node: str, one: _Noted, turns: Turns, at: Circumstances) -> Wish | None:
    """Why the member should be out of service, if anything says so."""
    override = at.snapshot.overrides.get(node)
    if override is not None:
        return (
            Wish(node, Cause.OVERRIDE, override.reason, one.was.in_service) if override.to == "out" else None
        )
    if one.finding is not None:
        found = one.finding
        return Wish(
            node, Cause.FAULT, found.reason, one.was.in_service, one.now.fault, one.now.unhealthy_since
        )
    if node in at.snapshot.orders:
        return Wish(node, Cause.ORDER, at.snapshot.orders[node], one.was.in_service)
    if one.now.good_since is not None and at.now < (until := _held_until(one.now, turns, at)):
        return Wish(node, Cause.HOLD, _why_held_down(one.now, until, at.policy), False)
    return None


def _held_until(one: Standing, turns: Turns, at: Circumstances) -> float:
    """When a member that is well again may come back; takes its turn when that is now."""
    until = (one.good_since or 0.0) + hold_seconds(one.level, at.policy.hold_down)
    return turns.take() if one.level and until <= at.now else until


def _why_held_down(one: Standing, until: float, policy: Policy) -> str:
    rules = policy.hold_down
    seconds = hold_seconds(one.level, rules)
    if until > (one.good_since or 0.0) + seconds:
        return (
            f"healthy, but the group has had {rules.budget} such returns within {rules.window_seconds:.0f} s"
        )
    times = "once" if one.level == 1 else f"{one.level} times"
    return f"healthy, but it failed {times} soon after a return and has to be well for {seconds:.0f} s"


def _limits(
    group: Group, wishes: Mapping[str, Wish], restless: Mapping[str, _Noted], at: Circumstances
) -> Limits:
    policy, snapshot = at.policy, at.snapshot
    entry = group.key.kind == "entry"
    percent = policy.answer_floor_percent if entry and policy.answer_floor_percent else policy.floor_percent
    capacity = None if entry else policy.capacity.get(group.key.pool)
    unagreed = {
        node: restless[node].verdict.objection
        for node, wish in wishes.items()
        if wish.cause is Cause.FAULT and not _is_agreed(wish, restless[node].verdict)
    }
    return Limits(
        least_in_service=floor(len(group.members), percent),
        most_ejected=most_ejected(len(group.members), policy.most_ejected_percent),
        doubt=at.doubt,
        sites=_held_sites(policy, entry, unagreed),
        unagreed=unagreed if entry else {},
        capacity=capacity,
        messages_per_hour=_load(group.key.pool, policy, snapshot.messages_per_hour),
    )


def _is_agreed(wish: Wish, found: Verdict) -> bool:
    """Whether sites let a failing member leave, or stay out, which takes less."""
    return found.agreed or (not wish.was_in and not found.disputed)


def _held_sites(policy: Policy, entry: bool, unagreed: Collection[str]) -> Mapping[str, str]:
    """The region of each node whose region may not leave as a whole."""
    if not policy.eject_regions:
        return policy.sites
    if entry:
        return {}  # each of them is agreed by itself
    held = {policy.sites[node] for node in unagreed if node in policy.sites}
    return {node: site for node, site in policy.sites.items() if site in held} if held else {}


def _load(pool: str, policy: Policy, known: Mapping[str, float]) -> float:
    capacity = policy.capacity.get(pool)
    return known.get(pool, float(capacity.peak_messages_per_hour) if capacity else 0.0)


def _placed(node: str, one: _Noted, wish: Wish | None, kept: str | None, at: Circumstances) -> Standing:
    ordered = wish is not None and wish.cause in (Cause.ORDER, Cause.OVERRIDE) and one.now.healthy
    if wish is not None and kept is None:
        return one.now._replace(in_service=False, weight_percent=0, reason=wish.reason, ordered_out=ordered)
    reason = _why_serving(node, one, wish, kept, at)
    return _serving(one, at)._replace(in_service=True, reason=reason, ordered_out=ordered)


def _serving(one: _Noted, at: Circumstances) -> Standing:
    """With the weight that it gets: what comes back healthy gets more of it step by step."""
    rules = at.policy.slow_return
    if not one.was.in_service:
        if one.undone or not one.now.healthy:
            return one.now._replace(weight_percent=100)
        share = weight_percent(at.now, rules, at.now)
        turn_at = at.now if one.now.level else one.now.turn_at
        return one.now._replace(returned_at=at.now, turn_at=turn_at, good_since=None, weight_percent=share)
    if one.now.healthy and one.was.weight_percent < 100:
        return one.now._replace(weight_percent=weight_percent(one.now.returned_at, rules, at.now))
    return one.now


def _why_serving(node: str, one: _Noted, wish: Wish | None, kept: str | None, at: Circumstances) -> str:
    override = at.snapshot.overrides.get(node)
    if override is not None and override.to == "in":
        return f"{override.reason}, although {one.finding.reason}" if one.finding else HEALTHY
    if wish is not None and wish.cause is not Cause.HOLD:
        return f"{wish.reason}, but kept {kept}"
    return HEALTHY


def _due_at(node: str, standing: Standing, at: Circumstances) -> float:
    """When this member must be looked at again although nothing happens; never for one that just stays."""
    if standing.in_service:
        if standing.reason != HEALTHY:
            return at.now + RECONSIDER_SECONDS
        if standing.weight_percent < 100:
            return next_weight_at(standing.returned_at, at.policy.slow_return, at.now)
        return _NEVER
    if standing.good_since is None:  # that others find it working again is no word of anybody's
        return _NEVER if at.policy.watches(node) else at.now + RECONSIDER_SECONDS
    hold = standing.good_since + hold_seconds(standing.level, at.policy.hold_down)
    return hold if hold > at.now else at.now + RECONSIDER_SECONDS
