import json
import re
from pathlib import Path

import pytest

from drills.analysis import figures, verdict
from drills.journal import FaultJournal
from drills.model import Observation, Transaction
from drills.picture import pictures
from drills.report import page, write
from drills.run import run
from drills.scenario import SCENARIOS
from tests.drills.fakes import FakeTarget, World

SCENARIO = SCENARIOS["node-crash"]


@pytest.fixture
def seen(tmp_path: Path) -> Observation:
    world = World()
    return run(
        SCENARIO, FakeTarget(world), journal=FaultJournal(tmp_path / "fault"), seed=1, clock=lambda: world.now
    )


def test_both_forms_are_written_and_agree(seen: Observation, tmp_path: Path) -> None:
    measured = figures(seen)
    machine, human = write(tmp_path / "reports", SCENARIO, seen, measured, verdict(SCENARIO, seen, measured))
    stored = json.loads(machine.read_text())
    assert stored["passed"] is True
    assert stored["observation"]["victim"] == seen.victim
    assert ">passed<" in human.read_text()


def test_the_page_needs_nothing_from_outside(seen: Observation) -> None:
    measured = figures(seen)
    html = page(SCENARIO, seen, measured, verdict(SCENARIO, seen, measured))
    assert not re.search(r"(src|href)=|url\(|@import", html)


def test_every_attempt_has_its_dot_and_the_fault_its_line(seen: Observation) -> None:
    zoomed, whole = pictures(seen)
    assert len(whole.dots) == len(seen.transactions)
    assert 0 < len(zoomed.dots) < len(whole.dots)
    assert next(iter(whole.markers)).kind == "fault"


def test_what_a_server_said_cannot_inject_markup(seen: Observation) -> None:
    evil = Transaction(
        "x", "sidecar", seen.fault_at, None, seen.fault_at + 0.1, None, "<script>alert(1)</script>"
    )
    tampered = Observation(
        **{f: getattr(seen, f) for f in seen.__slots__ if f != "transactions"}, transactions=(evil,)
    )
    measured = figures(tampered)
    assert "<script>" not in page(SCENARIO, tampered, measured, verdict(SCENARIO, tampered, measured))


def test_labels_of_events_close_together_stand_in_rows_of_their_own(seen: Observation) -> None:
    markers = pictures(seen)[1].markers
    close = [m for m in markers if abs(m.x - markers[0].x) < 30]
    assert len({m.label_y for m in close}) == min(len(close), 6)
