"""What a killed run of the tests has left is told apart from what a living one uses."""

import os
from pathlib import Path

import pytest

from lab import ids
from lab.ids import LabPaths
from lab.outer import namespace
from tests.lab import leftovers


@pytest.fixture
def destroyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The checkouts of labs that were destroyed; all labs lie in a folder of the test's own."""
    gone: list[Path] = []
    monkeypatch.setattr(ids, "STATE_ROOT", tmp_path / "state")
    monkeypatch.setattr(ids, "RUN_ROOT", tmp_path / "run")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(namespace, "destroy", lambda paths: gone.append(paths.checkout))
    return gone


def lab_of(checkout: Path) -> None:
    checkout.mkdir(parents=True, exist_ok=True)
    ids.claim(LabPaths.of(leftovers.ENVIRONMENT, checkout))


def test_labs_of_ended_runs_go_and_those_of_living_ones_stay(tmp_path: Path, destroyed: list[Path]) -> None:
    no_process = 2**22 + 1  # more than the kernel ever counts to
    for name, process in (("dead", no_process), ("alive", os.getpid())):
        lab_of(tmp_path / name / "test_0" / "checkout")
        (tmp_path / name / ".lock").write_text(str(process))
    lab_of(tmp_path / "removed")
    (tmp_path / "removed").rmdir()
    leftovers.sweep()
    assert sorted(destroyed) == [tmp_path / "dead/test_0/checkout", tmp_path / "removed"]
