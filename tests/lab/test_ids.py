"""Labs of two checkouts never touch each other."""

from pathlib import Path

import pytest

from lab import ids
from lab.errors import OwnershipError
from lab.ids import LabPaths


@pytest.fixture(autouse=True)
def _roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "STATE_ROOT", tmp_path / "state")
    monkeypatch.setattr(ids, "RUN_ROOT", tmp_path / "run")


def test_a_checkout_has_one_id_per_environment(tmp_path: Path) -> None:
    assert ids.lab_id("lab", tmp_path) == ids.lab_id("lab", tmp_path / "." / "x" / "..")
    assert ids.lab_id("lab", tmp_path) != ids.lab_id("lab", tmp_path / "other")
    assert ids.lab_id("lab", tmp_path).startswith("lab-")


def test_claiming_twice_from_one_checkout_is_fine(tmp_path: Path) -> None:
    paths = LabPaths.of("lab", tmp_path)
    ids.claim(paths)
    ids.claim(paths)
    assert ids.owner(paths) == tmp_path


def test_a_lab_of_another_checkout_is_never_claimed(tmp_path: Path) -> None:
    ours = LabPaths.of("lab", tmp_path / "ours")
    theirs = LabPaths(ours.lab, tmp_path / "theirs", ours.state, ours.run, ours.cache)
    ids.claim(ours)
    with pytest.raises(OwnershipError, match=r"belongs to the checkout .*/ours"):
        ids.claim(theirs)
    assert ids.owner(ours) == ours.checkout


def test_an_unclaimed_lab_passes(tmp_path: Path) -> None:
    ids.require_ours(LabPaths.of("lab", tmp_path))


def test_a_damaged_owner_file_is_named(tmp_path: Path) -> None:
    paths = LabPaths.of("lab", tmp_path)
    ids.claim(paths)
    paths.owner_file.write_text("{")
    with pytest.raises(OwnershipError, match=r"owner\.json"):
        ids.require_ours(paths)
