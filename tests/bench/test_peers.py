"""Comparing with what others use: how a trial is judged, and that one can be played."""

import json
import shutil
import subprocess
import sys

import pytest

from bench.peers.catalogue import TOOLS, missing
from bench.peers.client import Attempt
from bench.peers.trial import outcome


def attempt(began: float, took: float = 0.005, *, good: bool = True) -> Attempt:
    return Attempt(began, began + took, good, "a" if good else "")


def test_the_last_bad_transaction_after_the_fault_counts() -> None:
    seen = [attempt(10 + number / 100) for number in range(300)]
    seen[100] = attempt(11.0, good=False)
    seen[130] = attempt(11.3, 0.8)
    found = outcome(seen, 10.95, 13.0)
    assert found.last_bad_seconds == pytest.approx(0.35)
    assert (found.bad, found.never) == (2, False)


def test_what_was_under_way_at_the_fault_is_told_apart() -> None:
    seen = [attempt(10.0, 2.0, good=False), *(attempt(10.5 + number / 100) for number in range(200))]
    found = outcome(seen, 10.4, 12.5)
    assert (found.last_bad_seconds, found.bad, found.under_way_bad) == (0.0, 0, 1)


def test_bad_until_the_end_is_never_and_what_cannot_show_is_left_out() -> None:
    seen = [attempt(10 + number / 100, float("inf"), good=False) for number in range(300)]
    found = outcome(seen, 10.0, 13.0)
    assert found.never
    assert found.attempts == pytest.approx(250, abs=2)


def test_each_tool_has_a_setting_of_its_own_and_names_what_it_runs() -> None:
    rows = [(one.name, one.setting) for one in TOOLS.values()]
    assert len(set(rows)) == len(rows)
    assert isinstance(missing(TOOLS.values()), list)


@pytest.mark.lab
@pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed on this computer")
def test_one_trial_on_real_programs() -> None:
    command = [
        sys.executable,
        "-m",
        "bench.peers",
        "--trials",
        "1",
        "--tool",
        "fleet",
        "--fault",
        "gray",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    (row,) = json.loads(done.stdout)["rows"]
    gray = row["faults"]["gray"]
    assert (row["tool"], gray["trials"], gray["never"]) == ("mtafleet", 1, 0)
