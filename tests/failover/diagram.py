"""Draws the states of a member from the decision itself, by trying everything that can happen to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from failover.decide import (
    Check,
    Decision,
    Fault,
    HoldDown,
    Override,
    Result,
    SlowReturn,
    Snapshot,
    Standing,
    Target,
)
from failover.decide import decide as decide_cycle
from tests.failover.test_decide import NODES, POLICY, RELAY, START

POLICY_DRAWN = replace(POLICY, hold_down=HoldDown(4, 4, 1000, 100), slow_return=SlowReturn((10, 50), 1.0))
SUBJECT, OTHERS = "b", ("c", "d")
FAILURES, SUCCESSES = 2, 3


@dataclass(frozen=True)
class Situation:
    """The decision so far and what people want; `now` goes on."""

    decision: Decision = START
    now: float = 1000.0
    ordered: bool = False
    override: str = ""

    @property
    def standing(self) -> Standing:
        return self.decision.plan.get(RELAY["orders"], {}).get(SUBJECT, Standing())


def state_of(standing: Standing) -> str:
    """The state's name in the diagram."""
    if standing.in_service:
        if not standing.healthy or standing.ordered_out:
            return "Kept"
        return "InService" if standing.weight_percent == 100 else "ComingBack"
    if not standing.healthy:
        return "Out"
    return "OutByWord" if standing.ordered_out else "HeldDown"


def _step(
    at: Situation, *, good: bool | None = None, nodes: tuple[str, ...] = (), seconds: float = 0.1
) -> Situation:
    before, now = at.decision, at.now + seconds
    snapshot = Snapshot(
        results=tuple(
            Result(Target(node, "orders", Check.NOOP), bool(good), "refused", Fault.CRASH) for node in nodes
        ),
        heard_at=dict.fromkeys(NODES, now),
        health=before.health,
        plan=before.plan,
        silent=before.silent,
        orders={SUBJECT: "taken out"} if at.ordered else {},
        heeded_orders=before.heeded_orders,
        overrides={SUBJECT: Override("in" if at.override == "in" else "out", "by hand")}
        if at.override
        else {},
        heeded_overrides=before.heeded_overrides,
        due=before.due,
    )
    return replace(at, decision=decide_cycle(snapshot, POLICY_DRAWN, now), now=now)


def _probed(at: Situation, good: bool, *nodes: str) -> Situation:
    for _ in range(SUCCESSES if good else FAILURES):
        at = _step(at, good=good, nodes=nodes)
    return at


EVENTS: dict[str, Callable[[Situation], Situation]] = {
    "it fails": lambda at: _probed(at, False, SUBJECT),
    "it is well": lambda at: _probed(at, True, SUBJECT),
    "others fail": lambda at: _probed(at, False, *OTHERS),
    "others are well": lambda at: _probed(at, True, *OTHERS),
    "an order": lambda at: _step(replace(at, ordered=True)),
    "the order ends": lambda at: _step(replace(at, ordered=False)),
    "time": lambda at: _step(_step(at, seconds=4.5), seconds=4.5),
}
"""What may happen; `time` is longer than anybody is held down or comes back."""
MOST_EVENTS = 5


def transitions() -> dict[tuple[str, str], set[str]]:
    """From one state to another, by which events; found by trying every sequence of a few events."""
    found: dict[tuple[str, str], set[str]] = {}
    known: set[object] = set()
    layer = [_step(Situation())]
    for _ in range(MOST_EVENTS):
        following = []
        for at in layer:
            for name, happen in EVENTS.items():
                after = happen(at)
                one, other = state_of(at.standing), state_of(after.standing)
                if one != other:
                    found.setdefault((one, other), set()).add(name)
                if (key := _key(after)) not in known:
                    known.add(key)
                    following.append(after)
        layer = following
    return found


def _key(at: Situation) -> object:
    """Situations that will go on alike, as far as the diagram cares."""
    group = at.decision.plan[RELAY["orders"]]
    return (
        at.ordered,
        tuple((state_of(group[node]), group[node].level > 0, group[node].healthy) for node in NODES),
    )


def mermaid() -> str:
    """The diagram's text."""
    lines = ["stateDiagram-v2", "    [*] --> InService"]
    lines += [
        f"    {one} --> {other}: {', '.join(sorted(names, key=list(EVENTS).index))}"
        for (one, other), names in sorted(transitions().items())
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(mermaid())
