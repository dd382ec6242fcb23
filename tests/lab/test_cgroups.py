"""Finding a machine's units among its control groups."""

from pathlib import Path

import pytest

from lab import cgroups


@pytest.fixture
def group(tmp_path: Path) -> Path:
    for name in (
        "system.slice/ssh.service",
        "system.slice/system-postfix.slice/postfix@mta-a.service/deeper.service",
        "system.slice/system-postfix.slice/postfix@mta-b.service",
        "init.scope",
    ):
        (tmp_path / "payload" / name).mkdir(parents=True)
    return tmp_path


def test_a_glob_finds_all_instances_of_a_unit(group: Path) -> None:
    found = [unit.name for unit in cgroups.units(group, "postfix@*.service")]
    assert found == ["postfix@mta-a.service", "postfix@mta-b.service"]


def test_nothing_is_counted_twice(group: Path) -> None:
    assert [unit.name for unit in cgroups.units(group, "*.slice")] == ["system.slice"]


def test_a_unit_that_does_not_run_is_not_found(group: Path) -> None:
    assert cgroups.units(group, "knot.service") == []


def test_processes_of_a_group_include_those_below(group: Path) -> None:
    (group / "payload/cgroup.procs").write_text("")
    (group / "payload/system.slice/ssh.service/cgroup.procs").write_text("41\n42\n")
    (group / "payload/init.scope/cgroup.procs").write_text("1\n")
    assert sorted(cgroups.process_ids(group)) == [1, 41, 42]


def test_a_group_that_is_gone_is_empty(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert not cgroups.populated(gone)
    assert cgroups.wait_empty(gone, timeout_seconds=0)
    assert cgroups.direct_process_ids(gone) == []
