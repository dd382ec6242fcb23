from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from drills.analysis import figures, verdict
from drills.errors import DrillError
from drills.journal import FaultJournal, OpenFault
from drills.model import Event, Observation
from drills.run import run
from drills.scenario import SCENARIOS, scenario_named
from tests.drills.fakes import FakeTarget, World


@pytest.fixture
def journal(tmp_path: Path) -> FaultJournal:
    return FaultJournal(tmp_path / "state" / "open-fault.json")


def drill(world: World, journal: FaultJournal, name: str = "node-crash", seed: int = 7) -> Observation:
    return run(scenario_named(name), FakeTarget(world), journal=journal, seed=seed, clock=lambda: world.now)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_healthy_fleet_passes_every_drill(name: str, journal: FaultJournal) -> None:
    seen = drill(World(), journal, name)
    measured = figures(seen)
    assert verdict(SCENARIOS[name], seen, measured).passed
    assert measured.detected_seconds == (pytest.approx(0.3) if SCENARIOS[name].takes_out else None)
    assert measured.routes["sidecar"].last_bad_seconds < 0.3


def test_a_fault_of_what_only_watches_takes_nobody_out(journal: FaultJournal) -> None:
    seen = drill(World(), journal, "daemon-kill")
    moved = Event(seen.fault_at + 1.0, "dns_update", "west-1", "east-1")
    judged = verdict(SCENARIOS["daemon-kill"], seen, figures(seen))
    assert judged.passed
    seen = replace(seen, events=(*seen.events, moved))
    judged = verdict(SCENARIOS["daemon-kill"], seen, figures(seen))
    assert [(one.claim, one.measured) for one in judged.checks if not one.holds] == [
        ("nobody leaves service for it", "west-1")
    ]


def test_all_nodes_of_a_region_count_as_its_loss(journal: FaultJournal) -> None:
    seen = replace(drill(World(), journal), victim="east", nodes=("east-1", "west-1"))
    measured = figures(seen)
    assert measured.victim_share_percent == pytest.approx(50, abs=2)
    assert measured.detected_seconds == pytest.approx(0.3)


def test_a_lost_message_fails_the_drill(journal: FaultJournal) -> None:
    seen = drill(World(loses=1), journal)
    failed = [c.claim for c in verdict(SCENARIOS["node-crash"], seen, figures(seen)).checks if not c.holds]
    assert failed == ["no acknowledged message is lost"]


def test_slow_detection_fails_the_drill(journal: FaultJournal) -> None:
    seen = drill(World(detection_seconds=2.0), journal)
    judged = verdict(SCENARIOS["node-crash"], seen, figures(seen))
    assert not judged.passed
    # A slow computer could be the reason too, so whoever judges the fleet alone can tell.
    assert all(check.timed for check in judged.checks if not check.holds)


def test_a_fleet_that_stays_broken_fails_the_drill(journal: FaultJournal) -> None:
    seen = drill(World(never_recovers=True), journal)
    assert not seen.recovered
    assert not verdict(SCENARIOS["node-crash"], seen, figures(seen)).passed


def test_nothing_is_touched_when_the_fleet_is_unwell(journal: FaultJournal) -> None:
    world = World(down="west-2")
    with pytest.raises(DrillError, match="west-2 is down"):
        drill(world, journal)
    assert world.healed == []
    assert world.events == []


class Doubted(FakeTarget):
    """Well, but for a moment at the beginning."""

    def troubles(self) -> Sequence[str]:
        return ["east-1 doubts itself"] if self.world.now < 1_010 else super().troubles()


def test_a_moments_doubt_is_waited_out(journal: FaultJournal) -> None:
    world = World()
    seen = run(SCENARIOS["node-crash"], Doubted(world), journal=journal, seed=7, clock=lambda: world.now)
    assert seen.began_at >= 1_010
    assert verdict(SCENARIOS["node-crash"], seen, figures(seen)).passed


def test_an_interrupt_heals_the_fault_and_stops_the_load(journal: FaultJournal) -> None:
    world = World(interrupt_in_fault=True)
    with pytest.raises(KeyboardInterrupt):
        drill(world, journal)
    assert world.down is None
    assert not world.load_running
    assert journal.pending() is None


def test_a_fault_left_by_a_killed_run_is_healed_first(journal: FaultJournal) -> None:
    journal.open(OpenFault("blackhole", "east-1"))
    world = World(down="east-1")
    drill(world, journal)
    assert world.healed[0] == "east-1"


def test_the_same_seed_hits_the_same_node_at_the_same_moment(tmp_path: Path) -> None:
    runs = [drill(World(), FaultJournal(tmp_path / str(n)), seed=3) for n in range(2)]
    assert runs[0].victim == runs[1].victim
    assert runs[0].fault_at == runs[1].fault_at


def test_an_unknown_victim_is_refused_by_name(journal: FaultJournal) -> None:
    with pytest.raises(DrillError, match="choose one of: east-1, west-1"):
        run(SCENARIOS["node-hang"], FakeTarget(World()), journal=journal, seed=1, victim="east-9")


def test_a_damaged_note_of_a_fault_counts_as_none(tmp_path: Path) -> None:
    note = tmp_path / "open-fault.json"
    note.write_text('{"kind": "meteor", "victim": "east-1"}')
    assert FaultJournal(note).pending() is None
    note.write_text("{")
    assert FaultJournal(note).pending() is None


def test_a_fault_of_a_node_that_nobody_used_proves_nothing(journal: FaultJournal) -> None:
    seen = drill(World(), journal)
    elsewhere = tuple(replace(one, server="nobody") for one in seen.transactions)
    seen = replace(seen, transactions=elsewhere)
    failed = [c.claim for c in verdict(SCENARIOS["node-crash"], seen, figures(seen)).checks if not c.holds]
    assert failed == ["the victim carried its share of the mail before"]


def test_a_refused_message_while_the_node_returns_fails_the_drill(journal: FaultJournal) -> None:
    seen = drill(World(), journal)
    late = max(range(len(seen.transactions)), key=lambda number: seen.transactions[number].started_at)
    broken = replace(seen.transactions[late], code=None, error="reset")
    seen = replace(seen, transactions=(*seen.transactions[:late], broken, *seen.transactions[late + 1 :]))
    [failed] = [c for c in verdict(SCENARIOS["node-crash"], seen, figures(seen)).checks if not c.holds]
    assert failed.claim == "no new session through the sidecar fails while the node returns"
    assert f"1 x {broken.server}: reset (" in failed.measured


def slowed(seen: Observation, at: int, late_seconds: float, code: int | None = 250) -> Observation:
    """The same run, but one attempt after the fault took a second, and the sender began it late."""
    after = [n for n, t in enumerate(seen.transactions) if t.started_at > seen.fault_at + 1.0]
    number = after[at]
    one = seen.transactions[number]
    slow = replace(one, finished_at=one.started_at + 1.0, late_seconds=late_seconds, code=code)
    return replace(seen, transactions=(*seen.transactions[:number], slow, *seen.transactions[number + 1 :]))


@pytest.mark.parametrize(
    ("late_seconds", "code", "stalled", "passes"),
    [(0.0, 250, 0, False), (0.04, 250, 0, False), (0.2, 250, 1, True), (0.2, None, 0, False)],
)
def test_slowness_counts_unless_the_computer_itself_stood_still_and_failures_always_count(
    journal: FaultJournal, late_seconds: float, code: int | None, stalled: int, passes: bool
) -> None:
    seen = slowed(drill(World(), journal), 3, late_seconds, code)
    measured = figures(seen)
    assert measured.routes["sidecar"].stalled == stalled
    assert verdict(SCENARIOS["node-crash"], seen, measured).passed == passes
