"""How long one decision takes, for many targets: `uv run python -m bench.decide`."""

import gc
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import click

from bench.main import benchmark
from failover.decide import (
    Check,
    Decision,
    Fault,
    Group,
    GroupKey,
    HoldDown,
    Policy,
    Result,
    SlowReturn,
    Snapshot,
    Target,
    Threshold,
    VitalLimits,
    Vitals,
    decide,
)

NODES_PER_POOL = 100
POOLS_PER_NODE = 5
WANTED_MILLISECONDS = 50.0


@dataclass(frozen=True, slots=True)
class Timed:
    """One case: what the cycle had to do, and how long it took."""

    case: str
    targets: int
    median_milliseconds: float
    worst_milliseconds: float


def policy_for(targets: int) -> Policy:
    """Pools of 100 nodes in two regions, five pools a node, one persistent session each."""
    nodes = [f"node-{number}" for number in range(max(1, targets // POOLS_PER_NODE))]
    batches = [nodes[at : at + NODES_PER_POOL] for at in range(0, len(nodes), NODES_PER_POOL)]
    groups = tuple(
        Group(
            GroupKey("relay", f"pool-{number}-{batch}"),
            {node: (Target(node, f"pool-{number}-{batch}", Check.NOOP),) for node in members},
        )
        for batch, members in enumerate(batches)
        for number in range(POOLS_PER_NODE)
    )
    return Policy(
        observer="observer",
        groups=groups,
        thresholds={Check.NOOP: Threshold(2, 20)},
        silence_seconds=0.4,
        floor_percent=50,
        most_lag_seconds=0.1,
        sites={node: f"site-{number % 2}" for number, node in enumerate(nodes)},
        hold_down=HoldDown(2, 300, 60, 10),
        slow_return=SlowReturn((10, 50), 1.0),
        vital_limits=VitalLimits(5, 300, 100_000, 95, 100),
    )


class Cycle:
    """A daemon's memory between cycles."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.targets = [one for group in policy.groups for each in group.members.values() for one in each]
        self.decision = Decision({}, {}, frozenset(), ())
        self.now = 1000.0

    def snapshot(self, results: Sequence[Result], unheard: frozenset[str] = frozenset()) -> Snapshot:
        before = self.decision
        heard = {one.node: self.now - (1.0 if one.node in unheard else 0.0) for one in self.targets}
        return Snapshot(
            results=tuple(results),
            heard_at=heard,
            health=before.health,
            plan=before.plan,
            silent=before.silent,
            doubted=before.doubt is not None,
            due=before.due,
        )

    def timed(self, snapshot: Snapshot) -> float:
        """CPU milliseconds of this decision; it becomes the last one. What else runs does not count."""
        started = time.thread_time()
        self.decision = decide(snapshot, self.policy, self.now)
        took = time.thread_time() - started
        self.now += 0.05
        return 1000 * took


def measure(targets: int, rounds: int) -> list[Timed]:
    """Each case from the same calm beginning, `rounds` times."""
    policy = policy_for(targets)
    cases: dict[str, Callable[[Cycle], float]] = {
        "every probe good, nothing changes": _calm,
        "one in a hundred fails": lambda cycle: _failing(cycle, 100),
        "every probe fails at once": lambda cycle: _failing(cycle, 1),
        "a whole region falls silent": _region_lost,
        "every node tells new figures": lambda cycle: _telling(cycle, 90),
        "every other node's disk is full": lambda cycle: _telling(cycle, 1),
    }
    found = []
    for name, play in cases.items():
        times = []
        for _ in range(rounds):
            cycle = Cycle(policy)
            cycle.timed(cycle.snapshot([Result(one, True) for one in cycle.targets]))
            gc.collect()
            times.append(play(cycle))
        found.append(
            Timed(name, len(cycle.targets), round(statistics.median(times), 2), round(max(times), 2))
        )
    return found


def _calm(cycle: Cycle) -> float:
    return cycle.timed(cycle.snapshot([Result(one, True) for one in cycle.targets]))


def _failing(cycle: Cycle, one_in: int) -> float:
    """The cycle in which the second failure in a row takes members out."""
    failures = [Result(one, False, "connection refused", Fault.CRASH) for one in cycle.targets[::one_in]]
    cycle.timed(cycle.snapshot(failures))
    return cycle.timed(cycle.snapshot(failures))


def _region_lost(cycle: Cycle) -> float:
    lost = frozenset(node for node, site in cycle.policy.sites.items() if site == "site-1")
    good = [Result(one, True) for one in cycle.targets if one.node not in lost]
    return cycle.timed(cycle.snapshot(good, unheard=lost))


def _telling(cycle: Cycle, free_percent: int) -> float:
    """Every node told that all was well, and now tells something else, every other one `free_percent`."""
    nodes = list(dict.fromkeys(one.node for one in cycle.targets))
    cycle.timed(replace(cycle.snapshot(()), vitals=dict.fromkeys(nodes, Vitals(60))))
    told = {node: Vitals(61 if number % 2 else free_percent) for number, node in enumerate(nodes)}
    before = cycle.decision
    snapshot = replace(cycle.snapshot(()), vitals=told, heeded_vitals=before.heeded_vitals)
    return cycle.timed(snapshot)


@click.command()
@click.option("--targets", default=10_000, show_default=True, type=click.IntRange(10, 100_000))
@click.option("--rounds", default=11, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(targets: int, rounds: int, *, as_json: bool) -> None:
    """Time one decision over many targets, in the cycles that have least and most to do."""
    found = measure(targets, rounds)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    click.echo(f"{'case':36} {'targets':>8} {'median ms':>10} {'worst ms':>9} {'of wanted':>10}")
    for one in found:
        share = one.median_milliseconds / WANTED_MILLISECONDS
        click.echo(
            f"{one.case:36} {one.targets:>8} {one.median_milliseconds:>10.2f} {one.worst_milliseconds:>9.2f} "
            f"{share:>10.2f}"
        )


if __name__ == "__main__":
    benchmark(main)
