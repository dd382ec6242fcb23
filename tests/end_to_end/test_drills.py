"""Drills against the whole fleet, and what a killed one leaves."""

import json
import signal
import sys
from contextlib import suppress
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
    broken = [check for check in record["checks"] if not check["holds"]]
    sidecar = record["figures"]["routes"]["sidecar"]
    figures[f"drill {name} of {record['observation']['victim']}"] = (
        f"last bad attempt {sidecar['last_bad_seconds'] * 1000:.0f} ms after the fault, "
        f"{record['observation']['ledger']['lost']} lost"
        + "".join(f"; NOT: {check['claim']} ({check['measured']})" for check in broken)
    )
    # How soon it all went is told above: the speed of this computer decides about that too.
    assert [check for check in broken if not check["timed"]] == []
    assert (done.status, record["passed"]) == ((1, False) if broken else (0, True))
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
        await_that("the drill has broken its victim", lambda: _broken(configured, "west-2"))
    finally:
        drill.send_signal(signal.SIGKILL)
        drill.communicate()
    assert journal.pending() is not None
    assert _broken(configured, "west-2")
    await_that("its senders end by themselves", lambda: _senders() == [])

    healed = mtafleet("drill", "heal", NAME)
    assert healed.status == 0, healed.text
    assert journal.pending() is None
    configured.await_steady()
    again = mtafleet("drill", "heal", NAME)
    assert (again.status, again.text) == (0, "")


def _broken(system: System, victim: str) -> bool:
    state = machine.read(system.paths, victim)
    return state is not None and not state.running


def _senders() -> list[str]:
    """Sender processes of this checkout's Python environment that still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if words[0].startswith(f"{sys.prefix}/bin/python") and "lab.mail.process" in words:
                found.append(entry.name)
    return found
