"""The scenarios that can be drilled, and what each of them must show."""

from dataclasses import dataclass

from drills.errors import DrillError
from drills.protocols import FaultKind


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steady load, one fault at a random moment, recovery, ledger.

    `allowed_seconds` bounds the time from the fault to the last bad attempt of a *new* session through the
    sidecar. The fault begins at a random moment within `fault_window_seconds` after the load has settled, so
    that no figure depends on the phase of anybody's timer.
    """

    name: str
    fault: FaultKind
    summary: str
    allowed_seconds: float
    messages_per_second: int = 50
    settle_seconds: float = 4.0
    fault_window_seconds: float = 1.0
    fault_seconds: float = 5.0
    recovery_timeout_seconds: float = 180.0
    tail_seconds: float = 2.0


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("node-crash", "crash", "The machine loses power: its first process is killed.", 0.5),
        Scenario("node-blackhole", "blackhole", "Every packet to and from the node is dropped.", 0.5),
        Scenario("node-hang", "hang", "Postfix stops answering while its ports stay open.", 0.6),
    )
}


def scenario_named(name: str) -> Scenario:
    """The scenario called `name`; raises `DrillError` that lists the known ones."""
    try:
        return SCENARIOS[name]
    except KeyError:
        known = ", ".join(sorted(SCENARIOS))
        raise DrillError(f"there is no drill called {name!r}; known drills: {known}") from None
