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
    takes_out: bool = True
    """Whether the nodes that are hit should leave service; else nobody should."""
    messages_per_second: int = 50
    settle_seconds: float = 4.0
    fault_window_seconds: float = 1.0
    fault_seconds: float = 5.0
    recovery_timeout_seconds: float = 180.0
    tail_seconds: float = 2.0


DEMONSTRATED = ("node-crash", "node-blackhole", "node-hang")
"""Those that `mtafleet demo` shows."""

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("node-crash", "crash", "The machine loses power: its first process is killed.", 0.5),
        Scenario("node-blackhole", "blackhole", "Every packet to and from the node is dropped.", 0.5),
        Scenario("node-hang", "hang", "Postfix stops answering while its ports stay open.", 0.6),
        Scenario("node-mute", "mute", "The node hears everybody, and nothing that it sends arrives.", 0.5),
        Scenario("postfix-stop", "refuse", "All Postfix instances of the node are stopped.", 0.5),
        Scenario("front-door-stop", "door", "The node's HAProxy is stopped; its Postfix goes on.", 0.5),
        Scenario("region-loss", "region", "A region is cut off from everywhere, all its nodes at once.", 0.5),
        Scenario(
            "name-server-stop",
            "name server",
            "One of the fleet's name servers is stopped.",
            0.5,
            takes_out=False,
        ),
        Scenario(
            "store-server-stop",
            "store server",
            "One server of the shared store is stopped.",
            0.5,
            takes_out=False,
        ),
        Scenario(
            "store-quorum-loss",
            "store quorum",
            "Most servers of the shared store are stopped.",
            0.5,
            takes_out=False,
        ),
        Scenario(
            "daemon-kill", "daemon killed", "The node's failover daemon is killed.", 0.5, takes_out=False
        ),
        Scenario(
            "daemon-hang",
            "daemon hung",
            "The node's failover daemon is stopped in its tracks.",
            0.5,
            takes_out=False,
        ),
    )
}


def scenario_named(name: str) -> Scenario:
    """The scenario called `name`; raises `DrillError` that lists the known ones."""
    try:
        return SCENARIOS[name]
    except KeyError:
        known = ", ".join(sorted(SCENARIOS))
        raise DrillError(f"there is no drill called {name!r}; known drills: {known}") from None
