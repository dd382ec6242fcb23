"""Runs one scenario against one target, and leaves the target healed whatever happens."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drills.errors import DrillError
from drills.journal import FaultJournal, OpenFault
from drills.model import LedgerTotals, Observation, Transaction
from drills.protocols import Target
from drills.scenario import Scenario

POLL_SECONDS = 0.5
LEFTOVER_TIMEOUT_SECONDS = 180.0
STEADY_TIMEOUT_SECONDS = 30.0
"""A fleet that is well may be doubted for a moment while its computers are busy."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _FaultSpan:
    """From when to when the node was broken, and how long the repair took."""

    fault_at: float
    healing_at: float
    healed_at: float


def run(
    scenario: Scenario,
    target: Target,
    *,
    journal: FaultJournal,
    seed: int,
    victim: str | None = None,
    progress: Progress = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> Observation:
    """Run `scenario` and return what was seen.

    `seed` fixes the victim (unless named) and the moment of the fault. Raises `DrillError` before anything is
    touched when the fleet does not come into its steady state. The fault is healed and the load stopped on
    every way out, an interrupt included.
    """
    chance = random.Random(seed)  # noqa: S311 - picks a moment, not a secret
    heal_leftovers(target, journal, progress)
    hit = _choose_victim(target.victims(scenario.fault), victim, chance)
    _require_steady_state(target, progress)
    load = target.load(scenario.messages_per_second)
    progress(f"steady load of {scenario.messages_per_second} messages a second")
    began_at = clock()
    attempts: tuple[Transaction, ...] = ()
    try:
        load.start()
        span, recovered = _break_and_heal(scenario, target, journal, hit, chance, progress, clock)
        target.pause(scenario.tail_seconds)
    finally:
        attempts = tuple(load.stop())
    progress("waiting until every accepted message has arrived")
    ledger = _settle(target, attempts, scenario.recovery_timeout_seconds, clock)
    return Observation(
        scenario=scenario.name,
        environment=target.environment,
        victim=hit,
        seed=seed,
        began_at=began_at,
        fault_at=span.fault_at,
        healing_at=span.healing_at,
        healed_at=span.healed_at,
        ended_at=clock(),
        transactions=attempts,
        events=tuple(target.events_since(began_at)),
        ledger=ledger,
        recovered=recovered,
        nodes=tuple(target.nodes_hit(scenario.fault, hit)),
    )


def heal_leftovers(target: Target, journal: FaultJournal, progress: Progress = lambda _: None) -> bool:
    """Heal the fault that an earlier, killed run left in the world; return whether the fleet is whole again.

    True also when there is nothing to heal.
    """
    left = journal.pending()
    if left is None:
        return True
    progress(f"an earlier drill left a {left.kind} of {left.victim}: healing it first")
    target.fault(left.kind, left.victim).heal()
    journal.close()
    return _await_steady_state(target, LEFTOVER_TIMEOUT_SECONDS)


def _choose_victim(possible: Sequence[str], wanted: str | None, chance: random.Random) -> str:
    candidates = sorted(possible)
    if wanted is None:
        return chance.choice(candidates)
    if wanted not in candidates:
        raise DrillError(f"{wanted!r} cannot be the victim; choose one of: {', '.join(candidates)}")
    return wanted


def _require_steady_state(target: Target, progress: Progress) -> None:
    troubles = target.troubles()
    if not troubles:
        return
    progress(f"waiting up to {STEADY_TIMEOUT_SECONDS:.0f} s for the fleet's steady state: {troubles[0]}")
    if not _await_steady_state(target, STEADY_TIMEOUT_SECONDS):
        raise DrillError(
            "the fleet is not in its steady state, so a drill would prove nothing: " + "; ".join(troubles)
        )


def _break_and_heal(
    scenario: Scenario,
    target: Target,
    journal: FaultJournal,
    victim: str,
    chance: random.Random,
    progress: Progress,
    clock: Callable[[], float],
) -> tuple[_FaultSpan, bool]:
    target.pause(scenario.settle_seconds + chance.random() * scenario.fault_window_seconds)
    fault = target.fault(scenario.fault, victim)
    journal.open(OpenFault(scenario.fault, victim))
    try:
        progress(f"{scenario.fault} of {victim}")
        fault_at = fault.inject()
        target.pause(scenario.fault_seconds)
    finally:
        progress(f"healing {victim}")
        healing_at = clock()
        healed_at = fault.heal()
        journal.close()
    recovered = _await_steady_state(target, scenario.recovery_timeout_seconds)
    return _FaultSpan(fault_at, healing_at, healed_at), recovered


def _await_steady_state(target: Target, timeout_seconds: float) -> bool:
    waited_seconds = 0.0
    while target.troubles():
        if waited_seconds >= timeout_seconds:
            return False
        target.pause(POLL_SECONDS)
        waited_seconds += POLL_SECONDS
    return True


def _settle(
    target: Target, attempts: tuple[Transaction, ...], timeout_seconds: float, clock: Callable[[], float]
) -> LedgerTotals:
    """Ask the ledger until nothing is on its way any more, or until the time is up."""
    deadline = clock() + timeout_seconds
    totals = target.ledger(attempts)
    while not totals.settled and clock() < deadline:
        target.pause(POLL_SECONDS)
        totals = target.ledger(attempts)
    return totals
