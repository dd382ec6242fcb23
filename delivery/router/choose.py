"""The choice for one recipient: an address here, another node, or not yet. Time and chance are passed in.

Among the paths that may carry mail now each gets a share of it by its weight: the pace it may have, its
reputation score (squared: half the score is a quarter of the mail), how far the failure sequence has gone,
what is left of its tokens, and how much of its room is free. A path that is suspended, blocked, without
tokens or without room has none.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from delivery.model import LOCAL_WAIT_TEXT, Path
from delivery.router.admission import Admission, messages_per_second
from delivery.router.plan import BLOCKED_STAGE, PathState, Peer, Plan
from delivery.router.settings import Route, Step

PEER_TRANSPORT = "peer"
FEW_TOKENS = 100.0
"""From here on a path's share falls with its tokens."""
STAGE_FACTORS = (1.0, 0.5, 0.25, 0.1)
_STATIC = PathState()


class Answer(NamedTuple):
    """What Postfix is told."""

    transport: str
    """`TRANSPORT:`, `TRANSPORT:NEXT_HOP` or `retry:TEXT`."""
    path: Path | None = None
    """By which it leaves this node; None when it does not."""


class Offer(NamedTuple):
    """A path that may carry one more message now."""

    route: Route
    step: Step
    messages_per_second: float
    weight: float


def choose(
    pool: str,
    isp: str,
    routes: Mapping[str, tuple[Route, ...]],
    plan: Plan,
    admission: Admission,
    now: float,
    chance: float,
) -> Answer:
    """The answer for a recipient at `isp`, from `routes` of the pool by ISP; `chance` is in [0, 1).

    `admission` learns what was given. An ISP to which this instance has no route of its own has it elsewhere,
    or not at all: its mail is never sent by the routes for others.
    """
    here = routes.get(isp, ())
    offers = [one for route in here if (one := _offer(route, plan, admission, now)) is not None]
    if offers:
        chosen = offers[_pick([one.weight for one in offers], chance)]
        admission.give(chosen.route.path, chosen.step, chosen.messages_per_second, now)
        return Answer(f"{chosen.step.transport}:", chosen.route.path)
    peers = _peers(pool, isp, plan, now)
    if peers:
        return Answer(f"{PEER_TRANSPORT}:{peers[_pick([one.weight for one in peers], chance)].next_hop}")
    return not_yet(_why(here, isp, plan, now))


def not_yet(text: str) -> Answer:
    """Few different texts: each is a destination of its own to the queue manager."""
    return Answer(f"retry:4.7.0 {LOCAL_WAIT_TEXT}{text}")


def _offer(route: Route, plan: Plan, admission: Admission, now: float) -> Offer | None:
    state = _state(plan, route.path, now)
    if _is_suspended(state, now) or state.stage >= BLOCKED_STAGE:
        return None
    if state.tokens is not None and state.tokens < 1:
        return None
    step = _step(route.steps, state)
    if step is None:
        return None
    rate = messages_per_second(step, state.messages_per_hour)
    room = admission.room(route.path, step, rate, now)
    tokens = 1.0 if state.tokens is None else min(1.0, state.tokens / FEW_TOKENS)
    reputation = (state.score / 100) ** 2 * STAGE_FACTORS[max(0, state.stage)]
    weight = rate * reputation * tokens * room
    return Offer(route, step, rate, weight) if weight > 0 else None


def _state(plan: Plan, path: Path, now: float) -> PathState:
    """Of a stale plan only suspensions hold, until their end."""
    state = plan.paths.get(path)
    if state is None:
        return _STATIC
    return PathState(suspended_until=state.suspended_until) if plan.is_stale(now) else state


def _is_suspended(state: PathState, now: float) -> bool:
    return state.suspended_until is not None and now < state.suspended_until


def _step(steps: Sequence[Step], state: PathState) -> Step | None:
    """The fastest step within what the plan allows; where even the slowest is faster, none.

    A step without a pause goes at any pace its transport can, so it stands for paces above one message a
    second alone: there it is the admission that counts.
    """
    for step in steps:
        if state.connections is not None and step.connections > max(1, state.connections):
            continue
        if state.messages_per_hour is None:
            return step
        own = step.messages_per_hour if step.messages_per_hour is not None else 3601
        if own <= state.messages_per_hour:
            return step
    return None


def _peers(pool: str, isp: str, plan: Plan, now: float) -> Sequence[Peer]:
    if plan.is_stale(now):
        return ()
    known = plan.peers.get(pool, ())
    return [one for one in known if one.weight > 0 and (one.isps is None or isp in one.isps)]


def _why(routes: Iterable[Route], isp: str, plan: Plan, now: float) -> str:
    states = [_state(plan, one.path, now) for one in routes]
    if not states:
        return f"this instance has no address for {isp}"
    if all(_is_suspended(one, now) or one.stage >= BLOCKED_STAGE for one in states):
        return f"each address rests at {isp}"
    return f"no address may send more to {isp} now"


def _pick(weights: Sequence[float], chance: float) -> int:
    """The place of the weight in which `chance` of the sum falls."""
    left = chance * sum(weights)
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return place
    return len(weights) - 1
