"""Drills against the whole fleet, and what a killed one leaves."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.drill import fault_journal
from drills.scenario import SCENARIOS
from lab.api import machine
from tests.end_to_end.command import mtafleet, start
from tests.end_to_end.system import NAME, System, await_that


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_drill_passes_and_leaves_its_evidence(
    configured: System, name: str, figures: dict[str, str]
) -> None:
    configured.await_steady()
    folder = configured.state / "drills"
    before = set(folder.glob("*"))
    done = mtafleet("drill", "run", NAME, name, "--json")
    record = done.json()
    sidecar = record["figures"]["routes"]["sidecar"]
    figures[f"drill {name} of {record['observation']['victim']}"] = (
        f"last bad attempt {sidecar['last_bad_seconds'] * 1000:.0f} ms after the fault, "
        f"{record['observation']['ledger']['lost']} lost"
    )
    assert done.status == 0, [check for check in record["checks"] if not check["holds"]]
    assert record["passed"]
    new = {file.suffix: file for file in set(folder.glob("*")) - before}
    assert new.keys() == {".json", ".html"}
    assert json.loads(new[".json"].read_text())["observation"] == record["observation"]
    assert "<svg" in new[".html"].read_text()
    assert "http" not in _references(new[".html"])


def _references(page: Path) -> str:
    """What a browser would fetch."""
    text = page.read_text()
    return " ".join(part.split('"')[0] for mark in ('src="', 'href="') for part in text.split(mark)[1:])


def test_a_killed_drill_is_healed_by_the_next_command(configured: System) -> None:
    configured.await_steady()
    journal = fault_journal(NAME)
    drill = start("drill", "run", NAME, "node-crash", "--victim", "west-2")
    try:
        await_that("the drill has broken its victim", lambda: _broken(configured, "west-2"), 60)
    finally:
        drill.send_signal(signal.SIGKILL)
        drill.communicate()
    assert journal.pending() is not None
    assert _broken(configured, "west-2")
    await_that("its senders end by themselves", lambda: _senders() == [], 60)

    healed = mtafleet("drill", "heal", NAME)
    assert healed.status == 0, healed.text
    assert journal.pending() is None
    assert configured.troubles() == []
    again = mtafleet("drill", "heal", NAME)
    assert (again.status, again.text) == (0, "")


def _broken(system: System, victim: str) -> bool:
    state = machine.read(system.paths, victim)
    return state is not None and not state.running


def _senders() -> list[str]:
    """Sender processes of this user's Python environment that still run."""
    pattern = f"^{Path(sys.prefix)}/bin/python.*lab.mail.process"
    found = subprocess.run(["pgrep", "-a", "-f", pattern], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()
